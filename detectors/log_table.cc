#include "detectors/log_table.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include "detectors/input_error.h"

namespace glasswatch {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Fields hold bytes of any file the user names: messages keep what can be shown on one line.
std::string shown(std::string_view field) {
  constexpr std::size_t kLongest = 40;
  std::string text(field.substr(0, kLongest));
  for (char& character : text) {
    if (static_cast<unsigned char>(character) < 0x20 || static_cast<unsigned char>(character) >= 0x7F)
      character = '?';
  }
  return field.size() > kLongest ? text + "..." : text;
}

void join_free_text(std::vector<std::string_view>& fields, std::size_t column, std::size_t columns) {
  const std::size_t extra = fields.size() - columns;
  const char* begin = fields[column].data();
  const std::string_view last = fields[column + extra];
  fields[column] = std::string_view(begin, static_cast<std::size_t>(last.data() + last.size() - begin));
  const auto after = fields.begin() + static_cast<std::ptrdiff_t>(column) + 1;
  fields.erase(after, after + static_cast<std::ptrdiff_t>(extra));
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return text.substr(0, 0);
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<std::string_view> split_fields(std::string_view line, char separator) {
  std::vector<std::string_view> fields;
  while (true) {
    const std::size_t end = line.find(separator);
    fields.push_back(trimmed(line.substr(0, end)));
    if (end == std::string_view::npos) return fields;
    line.remove_prefix(end + 1);
  }
}

void read_log_table(const std::filesystem::path& path, std::optional<std::string_view> free_text_column,
                    LogTable& table) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw input_error(path, "cannot be opened; check that the file exists and may be read");
  table.text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  std::string_view rest = table.text;
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());

  std::optional<std::size_t> free_column;
  for (std::size_t line_number = 1; !rest.empty(); ++line_number) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    if (end == std::string_view::npos) {
      table.last_line_dropped = true;
      break;
    }
    rest.remove_prefix(end + 1);
    if (trimmed(line).empty()) continue;
    std::vector<std::string_view> fields = split_fields(line, ',');
    if (table.columns.empty()) {
      table.columns = std::move(fields);
      if (free_text_column) free_column = find_column(table, *free_text_column);
      continue;
    }
    if (free_column && fields.size() > table.columns.size()) {
      join_free_text(fields, *free_column, table.columns.size());
    }
    if (fields.size() != table.columns.size()) {
      throw input_error(path, "line ", line_number, ": ", fields.size(), " fields; the header has ",
                        table.columns.size(), "; remove or complete the line");
    }
    table.rows.push_back({line_number, std::move(fields)});
  }
  if (table.rows.empty())
    throw input_error(path, "holds no complete line of data after the header; export it again");
}

std::optional<double> parse_number(std::string_view field) {
  if (field.starts_with('+')) field.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return value;
}

std::optional<double> number_field(const std::filesystem::path& path, const LogTable& table,
                                   const LogRow& row, std::size_t column) {
  const std::string_view field = row.fields[column];
  if (field.empty()) return std::nullopt;
  const auto value = parse_number(field);
  if (!value) {
    throw input_error(path, "line ", row.line, ": field \"", shown(table.columns[column]), "\" is \"",
                      shown(field),
                      "\"; allowed: a decimal number, NaN or nothing; correct or remove the line");
  }
  return value;
}

std::optional<std::size_t> find_column(const LogTable& table, std::string_view name) {
  const auto found = std::find(table.columns.begin(), table.columns.end(), name);
  if (found == table.columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - table.columns.begin());
}

}  // namespace glasswatch
