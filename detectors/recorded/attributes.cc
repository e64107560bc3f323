#include "detectors/recorded/attributes.h"

namespace glasswatch::recorded {

H5::StrType utf8_type() {
  H5::StrType type(H5::PredType::C_S1, H5T_VARIABLE);
  type.setCset(H5T_CSET_UTF8);
  return type;
}

void set_text(const H5::H5Object& object, const std::string& name, const std::string& value) {
  object.createAttribute(name, utf8_type(), H5::DataSpace(H5S_SCALAR)).write(utf8_type(), value);
}

void set_texts(const H5::H5Object& object, const std::string& name, const std::vector<std::string>& values) {
  std::vector<const char*> texts;
  texts.reserve(values.size());
  for (const std::string& value : values) texts.push_back(value.c_str());
  const hsize_t count = texts.size();
  object.createAttribute(name, utf8_type(), H5::DataSpace(1, &count)).write(utf8_type(), texts.data());
}

void set_flag(const H5::H5Object& object, const std::string& name, bool value) {
  H5::EnumType type(H5::PredType::NATIVE_INT8);
  std::int8_t number = 0;
  type.insert("FALSE", &number);
  type.insert("TRUE", &++number);
  number = value ? 1 : 0;
  object.createAttribute(name, type, H5::DataSpace(H5S_SCALAR)).write(type, &number);
}

void label(const H5::H5Object& object, const std::string& units, const std::string& long_name) {
  set_text(object, "units", units);
  set_text(object, "long_name", long_name);
}

H5::Group create_group(const H5::H5File& file, const std::string& path, const std::string& nexus_class) {
  H5::LinkCreatPropList properties;
  properties.setCharEncoding(H5T_CSET_UTF8);
  const hid_t id = H5Gcreate2(file.getId(), path.c_str(), properties.getId(), H5P_DEFAULT, H5P_DEFAULT);
  if (id < 0) throw H5::GroupIException("H5Gcreate2", "cannot make the group " + path);
  H5::Group group(id);
  H5Idec_ref(id);  // the object has counted it too
  if (!nexus_class.empty()) set_text(group, "NX_class", nexus_class);
  return group;
}

void link(const H5::H5File& file, const std::string& existing, const std::string& name) {
  file.link(H5L_TYPE_HARD, existing, name);
}

}  // namespace glasswatch::recorded
