// Reading and checking configurations. One generic validator reads the (allowed) options of the schema; the
// few rules that join several fields are written out in configuration.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/scenario.pb.h"
#include "protocol/types/user_error.h"

namespace glasswatch {

/// A configuration that cannot be used. what() holds one line per fault: file:line:column, field, value, what
/// is allowed, remedy. Programs exit with code 2 on it.
class ConfigurationError : public UserError {
 public:
  explicit ConfigurationError(const std::string& message) : UserError(kBadUsage, message) {}
};

/// Reads, parses and checks a configuration file. Relative paths in it are resolved against the file's
/// folder. Throws ConfigurationError with every fault found, not only the first.
config::Configuration load_configuration(const std::filesystem::path& path);

/// The same from text; `name` stands for the file in messages, `folder` resolves relative paths.
config::Configuration parse_configuration(std::string_view text, const std::string& name,
                                          const std::filesystem::path& folder);

/// Checks ranges and the rules between fields once more, after a change. Throws ConfigurationError.
void check_configuration(const config::Configuration& configuration);

/// Reads, parses and checks a simulator scenario.
scenario::Scenario load_scenario(const std::filesystem::path& path);
scenario::Scenario parse_scenario(std::string_view text, const std::string& name);

/// The configuration with every default of the sections present written out, as text.
std::string effective_text(const google::protobuf::Message& message);

/// 64-bit digest (FNV-1a) of effective_text: tells results of different configurations apart.
std::uint64_t digest(std::string_view text);

/// "2023-05-12T09:00:00.5Z" to nanoseconds since 1970; nullopt when malformed. UTC only, year 1970 to 2261.
std::optional<std::int64_t> parse_utc(std::string_view text);
std::string format_utc(std::int64_t time_utc_ns);

}  // namespace glasswatch
