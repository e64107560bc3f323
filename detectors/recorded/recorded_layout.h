// Names inside a recording, shared by its writer and its readers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace glasswatch::recorded {

// Attributes of "/".
inline constexpr char kFormatAttribute[] = "format";
inline constexpr char kFormatName[] = "glasswatch-recording";
inline constexpr char kFormatVersionAttribute[] = "format_version";
inline constexpr std::int64_t kFormatVersion = 1;  // stored as a 64-bit integer
inline constexpr char kProgramVersionAttribute[] = "program_version";
inline constexpr char kConfigurationAttribute[] = "configuration";
inline constexpr char kKwwConventionAttribute[] = "kww_convention";  // only where it was known at the end

/// The pixels: (frame, row, column), one frame per chunk, filters shuffle and deflate, unlimited in the first
/// dimension; every chunk is a block (block.h) labelled `frame`. The same object as
/// /Experiments/<name of the series>/data, under a name that does not depend on the series.
inline constexpr char kDataObject[] = "/entry/data/data";

/// The journal: u1 (page, kJournalPageBytes), one page per chunk, same filters; every chunk is a block
/// labelled `page`. The stream of length-prefixed records (std::uint32_t, little-endian, then
/// recording.Record) is the first used_bytes of every page, one after the other; a record may span pages, its
/// length prefix too. Each flush ends a page, full or not. The page's label says where its first record
/// begins and how many begin before it (JournalPage.first_record_byte, records_before): repair needs both
/// when a page is missing.
inline constexpr char kJournalObject[] = "/journal";
inline constexpr std::size_t kJournalPageBytes = 65536;

/// Tables for people: equally long columns, one entry per frame or sample.
inline constexpr char kFramesGroup[] = "/frames";
inline constexpr char kEnvironmentGroup[] = "/environment";

inline constexpr char kExperimentsGroup[] = "/Experiments";
inline constexpr char kUnnamedExperiment[] =
    "__unnamed__";  // HyperSpy's own name for a signal without a title

// Advisory lock: the writer holds flock(LOCK_SH) on the file while it is open. HDF5 readers take LOCK_SH too
// (those in SWMR mode only while they open), so who gets LOCK_EX is alone with the file.

}  // namespace glasswatch::recorded
