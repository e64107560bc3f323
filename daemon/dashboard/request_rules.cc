#include "daemon/dashboard/request_rules.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cctype>

namespace glasswatch {
namespace {

namespace ip = boost::asio::ip;

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

// The name or address without port and brackets; empty when malformed.
std::string_view host_name(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos) return {};
    const auto rest = host.substr(end + 1);
    if (!rest.empty() && !(rest.front() == ':' && is_port(rest.substr(1)))) return {};
    return host.substr(1, end - 1);
  }
  const auto colon = host.find(':');
  if (colon == std::string_view::npos) return host;
  return is_port(host.substr(colon + 1)) ? host.substr(0, colon) : std::string_view{};
}

}  // namespace

bool host_allowed(std::string_view host, std::string_view local_address,
                  std::string_view configured_address) {
  const std::string name(host_name(host));
  if (name.empty()) return false;
  if (equal_ignoring_case(name, "localhost") || equal_ignoring_case(name, configured_address)) return true;
  boost::system::error_code not_an_address;
  const auto address = ip::make_address(name, not_an_address);
  return !not_an_address && (address.is_loopback() || address.to_string() == local_address);
}

bool origin_allowed(std::string_view origin, std::string_view host) {
  if (origin.empty()) return true;
  constexpr std::string_view kScheme = "http://";
  return origin.starts_with(kScheme) && equal_ignoring_case(origin.substr(kScheme.size()), host);
}

std::string content_security_policy(std::string_view host) {
  return "default-src 'self'; connect-src 'self' ws://" + std::string(host) +
         "; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

}  // namespace glasswatch
