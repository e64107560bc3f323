// Writing labelled datasets: what every part of the result file does.
#pragma once

#include <H5Cpp.h>

#include <cstdint>
#include <string>
#include <vector>

namespace glasswatch::hdf5 {

template <typename T>
const H5::DataType& native_type();
template <>
inline const H5::DataType& native_type<double>() {
  return H5::PredType::NATIVE_DOUBLE;
}
template <>
inline const H5::DataType& native_type<float>() {
  return H5::PredType::NATIVE_FLOAT;
}
template <>
inline const H5::DataType& native_type<std::int64_t>() {
  return H5::PredType::NATIVE_INT64;
}
template <>
inline const H5::DataType& native_type<std::uint64_t>() {
  return H5::PredType::NATIVE_UINT64;
}
template <>
inline const H5::DataType& native_type<std::uint32_t>() {
  return H5::PredType::NATIVE_UINT32;
}

inline void set_text(const H5::H5Object& object, const std::string& name, const std::string& value) {
  const H5::StrType type(H5::PredType::C_S1, H5T_VARIABLE);
  object.createAttribute(name, type, H5::DataSpace(H5S_SCALAR)).write(type, H5std_string(value));
}

inline void set_number(const H5::H5Object& object, const std::string& name, double value) {
  object.createAttribute(name, H5::PredType::NATIVE_DOUBLE, H5::DataSpace(H5S_SCALAR))
      .write(H5::PredType::NATIVE_DOUBLE, &value);
}

inline void label(const H5::H5Object& object, const std::string& units, const std::string& long_name) {
  set_text(object, "units", units);
  set_text(object, "long_name", long_name);
}

template <typename T>
H5::DataSet write(H5::Group& group, const std::string& path, std::vector<hsize_t> shape, const T* values,
                  const std::string& units, const std::string& long_name) {
  const H5::DataSpace space(static_cast<int>(shape.size()), shape.data());
  H5::DataSet dataset = group.createDataSet(path, native_type<T>(), space);
  dataset.write(values, native_type<T>());
  label(dataset, units, long_name);
  return dataset;
}

}  // namespace glasswatch::hdf5
