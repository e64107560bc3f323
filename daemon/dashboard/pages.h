// The files of the dashboard page, put into the program at build time by embed_pages.cmake.
#pragma once

#include <span>
#include <string_view>

namespace glasswatch {

struct Page {
  std::string_view path;  // of the request, e.g. "/app.js"
  std::string_view mime_type;
  std::string_view content;
};

/// All pages; "/" is the first. Nothing else is served, so no path ever reaches the file system.
std::span<const Page> pages();

}  // namespace glasswatch
