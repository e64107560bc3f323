// A forked child that reads a file first, because libhdf5 1.10 can crash or hang on damaged files.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

namespace glasswatch {

/// Time allowed to a child before the part that grows with the file.
inline constexpr std::chrono::milliseconds kProbeBaseLimit{5000};

/// Runs `work` in a forked child and returns its text. An InputError (or any other exception) of `work` is
/// thrown here as InputError; so is the child's death by a signal, and its exceeding of base_limit + 1 s per
/// 10 MB of file, at which it is killed. Its memory is limited to 256 MiB + 16 times the file (not under a
/// sanitizer, which needs more address space). What the child allocates or opens is gone with it. Meant for
/// the start of a program, before it makes threads: a fork copies only the calling one, so a lock that
/// another thread holds at that moment stays locked in the child, which then ends by the time limit.
std::string probe_in_child(const std::filesystem::path& path, const std::function<std::string()>& work,
                           std::chrono::milliseconds base_limit = kProbeBaseLimit);

}  // namespace glasswatch
