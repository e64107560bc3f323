// What every program does the same way: exit codes and error lines.
#pragma once

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>
#include <string>

#include "detectors/recording.h"
#include "protocol/configuration/configuration.h"

namespace glasswatch {

enum ExitCode : int { kSuccess = 0, kBadUsage = 2, kBadInput = 3, kFailed = 4 };

/// One line for every line of the message, each with the program's name.
inline void print_error(const std::string& program, const std::string& message) {
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) std::cerr << program << ": " << line << '\n';
}

/// Parses the arguments, then runs `body`; exceptions become error lines and exit codes.
template <typename Body>
int run_program(CLI::App& app, int argc, char** argv, Body&& body) {
  const std::string name = app.get_name();
  app.set_version_flag("--version", std::string(GLASSWATCH_VERSION));
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& request) {
    return app.exit(request);
  } catch (const CLI::CallForAllHelp& request) {
    return app.exit(request);
  } catch (const CLI::CallForVersion& request) {
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    print_error(name, std::string(error.what()) + "; " + name + " --help lists the arguments");
    return kBadUsage;
  }
  try {
    return body();
  } catch (const ConfigurationError& error) {
    print_error(name, error.what());
    return kBadUsage;
  } catch (const InputError& error) {
    print_error(name, error.what());
    return kBadInput;
  } catch (const std::exception& error) {
    print_error(name, error.what());
    return kFailed;
  }
}

}  // namespace glasswatch
