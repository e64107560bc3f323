// A comma-separated log as lines and fields, with the line number kept for messages.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace glasswatch {

struct LogRow {
  std::size_t line = 0;                  // 1-based
  std::vector<std::string_view> fields;  // without surrounding blanks
};

/// A log in memory. Row fields point into `text`; the table is therefore neither copied nor moved.
struct LogTable {
  LogTable() = default;
  LogTable(const LogTable&) = delete;
  LogTable& operator=(const LogTable&) = delete;

  std::string text;
  std::vector<std::string_view> columns;  // the header line
  std::vector<LogRow> rows;
  bool last_line_dropped = false;
};

/// `text` without blanks, tabs and carriage returns at both ends.
std::string_view trimmed(std::string_view text);

/// The fields of one line, trimmed.
std::vector<std::string_view> split_fields(std::string_view line, char separator);

/// Reads a whole file: LF or CRLF, an optional UTF-8 byte-order mark, blank lines skipped. A last line
/// without a line end is dropped, since the file may still be growing and a number cut short looks like a
/// number. A row of more fields than columns is kept when `free_text_column` names a column that may itself
/// hold commas: its pieces are joined. Throws InputError with file and line for rows of any other length, and
/// for a log without rows.
void read_log_table(const std::filesystem::path& path, std::optional<std::string_view> free_text_column,
                    LogTable& table);

/// A decimal number, "NaN" in any case included; nothing when the field is no number.
std::optional<double> parse_number(std::string_view field);

/// The number in column `column` of `row`, nothing when the field is empty. Throws InputError naming file,
/// line and field when it holds something else.
std::optional<double> number_field(const std::filesystem::path& path, const LogTable& table,
                                   const LogRow& row, std::size_t column);

/// Index of the column with this exact name.
std::optional<std::size_t> find_column(const LogTable& table, std::string_view name);

}  // namespace glasswatch
