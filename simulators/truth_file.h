// The planted truth of a simulated run as HDF5, for tests and for people who check results against it.
#pragma once

#include <filesystem>
#include <memory>

#include "simulators/virtual_microscope.h"

namespace glasswatch::simulation {

/// Layout: README.md, "Truth file". The file is created at once, so that a bad path is noticed before the
/// run, and filled by write(). Throws StreamError naming the file.
class TruthFile {
 public:
  explicit TruthFile(const std::filesystem::path& path);
  ~TruthFile();

  /// Once, at the end of the run.
  void write(const scenario::Scenario& scenario, VirtualMicroscope& microscope);

 private:
  struct File;
  std::filesystem::path path_;
  std::unique_ptr<File> file_;
};

}  // namespace glasswatch::simulation
