// Whether a sample ages: what a difference of the halves of a series, and a climbing cumulative tau, mean.
#pragma once

#include <string>

namespace glasswatch::analysis {

enum class Stationarity {
  kUnknown,       // no usable fit of a half, or halves too short to tell a factor of two
  kStationary,    // the halves agree within what can be resolved
  kAgeing,        // they do not
  kFiniteLength,  // they agree, but the series is so short that a cumulative tau climbs by itself
};

/// ln_ratio_halves: ln(tau of the second half / tau of the first), sigma its standard deviation; NaN = no
/// usable fit. span_over_tau: T/tau of the whole series.
///
/// kAgeing when they differ by more than 2 sigma: of stationary samples 4.6 % do, each time it is asked anew
/// with new data, so a verdict of a long look deserves more belief than the first of many. kUnknown when less
/// than a factor of two could not have been seen at 2 sigma, and none was. kFiniteLength below T/tau = 40:
/// the mean of such a series fluctuates itself, and a tau from curves that were normalised by it, as of
/// single pixels, grows with T though nothing ages (by simulation, A = 0.1, beta = 0.63, ln(tau/planted) of
/// single pixels is -0.87, -0.58, -0.23 at T/tau = 7, 15, 40). That bias is common to both halves: their
/// comparison does not see it, and is not fooled by it.
Stationarity judge_stationarity(double ln_ratio_halves, double sigma, double span_over_tau);

/// The same in words, with the numbers behind it. "What can be resolved" is 2 sigma.
std::string stationarity_statement(double ln_ratio_halves, double sigma, double span_over_tau);

}  // namespace glasswatch::analysis
