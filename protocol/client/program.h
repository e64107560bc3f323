// What every program does the same way: arguments, exit codes, error lines. Needs CLI11; for programs only.
#pragma once

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>
#include <string>

#include "protocol/types/user_error.h"

namespace glasswatch {

/// One line for every line of the message, each with the program's name.
inline void print_error(const std::string& program, const std::string& message) {
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) std::cerr << program << ": " << line << '\n';
}

/// Parses the arguments, then runs `body`, which returns the exit code. Exceptions become error lines and
/// exit codes: a UserError its own, anything else kFailed.
template <typename Body>
int run_program(CLI::App& app, int argc, char** argv, Body&& body) {
  const std::string name = app.get_name();
  app.set_version_flag("--version", std::string(GLASSWATCH_VERSION));
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    print_error(name, std::string(error.what()) + "; " + name + " --help lists the arguments");
    return kBadUsage;
  }
  try {
    return body();
  } catch (const UserError& error) {
    print_error(name, error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    print_error(name, error.what());
    return kFailed;
  }
}

}  // namespace glasswatch
