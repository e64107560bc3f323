// Which requests the dashboard answers: the defence against other sites' pages in the operator's browser.
#pragma once

#include <string>
#include <string_view>

namespace glasswatch {

/// True for `Host` values a browser sends when the operator opened the dashboard: `localhost`, a loopback
/// address, the address the connection came in on (`local_address`), or the configured name or address; each
/// with or without a port (a tunnel may change it). Any other name could be a foreign one re-bound to this
/// machine ("DNS rebinding").
bool host_allowed(std::string_view host, std::string_view local_address, std::string_view configured_address);

/// True when there is no `Origin` (not a browser, or a plain page load) or when it is http://`host`.
bool origin_allowed(std::string_view origin, std::string_view host);

/// The Content-Security-Policy of every reply. The stream's address is spelt out because older browsers do
/// not count ws: as 'self'. `host` must have passed host_allowed().
std::string content_security_policy(std::string_view host);

}  // namespace glasswatch
