# Live streams: bytes in, frames and samples out.
add_library(glasswatch_streams STATIC
  sequence_tracker.cc stream_decoder.cc stream_registry.cc ceta/ceta_stream.cc axon/axon_stream.cc)
target_link_libraries(glasswatch_streams PUBLIC glasswatch_protocol PRIVATE glasswatch_options)
