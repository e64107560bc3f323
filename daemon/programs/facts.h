// What is known about a file: the same facts as lines for a person and as one JSON object.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace glasswatch {

/// Facts in the order in which they were added.
class Facts {
 public:
  /// `text` for people, `value` under `key` for programs. No text: JSON only.
  void add(const std::string& label, const std::string& text, const std::string& key,
           nlohmann::ordered_json value);

  /// The same, for a text that is the value; nothing where it is empty.
  void add_text(const std::string& label, const std::string& key, const std::string& value);

  std::string lines() const;      // "label   text", one each
  std::string json_line() const;  // one object

 private:
  struct Line {
    std::string label;
    std::string text;
  };
  std::vector<Line> lines_;
  nlohmann::ordered_json object_ = nlohmann::ordered_json::object();
};

/// "1.5 MiB", "320 KiB", "12 bytes".
std::string bytes_text(double bytes);
/// "2023-05-12T09:00:00.000Z", or "not known" for 0.
std::string utc_text(std::int64_t time_utc_ns);
/// With up to six significant digits.
std::string number_text(double value);

}  // namespace glasswatch
