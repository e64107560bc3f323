// Attributes and labels of HDF5 objects, as h5py and HyperSpy write them.
#pragma once

#include <H5Cpp.h>

#include <cstdint>
#include <string>
#include <vector>

namespace glasswatch::recorded {

template <typename T>
const H5::DataType& native_type();
template <>
inline const H5::DataType& native_type<double>() {
  return H5::PredType::NATIVE_DOUBLE;
}
template <>
inline const H5::DataType& native_type<std::int32_t>() {
  return H5::PredType::NATIVE_INT32;
}
template <>
inline const H5::DataType& native_type<std::uint32_t>() {
  return H5::PredType::NATIVE_UINT32;
}
template <>
inline const H5::DataType& native_type<std::int64_t>() {
  return H5::PredType::NATIVE_INT64;
}
template <>
inline const H5::DataType& native_type<std::uint64_t>() {
  return H5::PredType::NATIVE_UINT64;
}

H5::StrType utf8_type();

void set_text(const H5::H5Object& object, const std::string& name, const std::string& value);
void set_texts(const H5::H5Object& object, const std::string& name, const std::vector<std::string>& values);
/// As NumPy's bool: an enumeration of FALSE and TRUE.
void set_flag(const H5::H5Object& object, const std::string& name, bool value);

template <typename T>
void set_number(const H5::H5Object& object, const std::string& name, T value) {
  object.createAttribute(name, native_type<T>(), H5::DataSpace(H5S_SCALAR)).write(native_type<T>(), &value);
}

/// What every dataset has: units ("1" where there are none) and a name for people.
void label(const H5::H5Object& object, const std::string& units, const std::string& long_name);

/// A group of a NeXus class.
H5::Group create_group(const H5::H5File& file, const std::string& path, const std::string& nexus_class = "");

/// A second name for an object that exists.
void link(const H5::H5File& file, const std::string& existing, const std::string& name);

}  // namespace glasswatch::recorded
