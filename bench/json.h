// bench/json.h
//
// Json: a JSON value, for the files that the benchmark writes and compares. Objects keep their
// order.

#ifndef MP_BENCH_JSON_H_
#define MP_BENCH_JSON_H_

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace bench {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;  // null
  Json(bool b) : value_(b) {}
  Json(double d) : value_(d) {}
  Json(int i) : value_(static_cast<double>(i)) {}
  Json(const char* s) : value_(std::string(s)) {}
  Json(std::string s) : value_(std::move(s)) {}
  Json(Array a) : value_(std::move(a)) {}
  Json(Object o) : value_(std::move(o)) {}
  // A figure, or null.
  Json(std::optional<double> d) {
    if (d) value_ = *d;
  }

  bool is_null() const { return value_.index() == 0; }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const double* number() const { return std::get_if<double>(&value_); }
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }

  // The member `key` of an object; null if there is none.
  const Json& operator[](const std::string& key) const;
  bool has(const std::string& key) const;

  // Text, with lines and indentation down to the given depth of nesting, on one line below it.
  std::string dump(int open_levels = 0) const;

  // Reads one value that fills the text. On failure says why in `error`.
  static std::optional<Json> parse(const std::string& text, std::string* error);

 private:
  void dump_to(std::string& out, int open_levels, int depth) const;

  std::variant<std::monostate, bool, double, std::string, Array, Object> value_;
};

}  // namespace bench

#endif  // MP_BENCH_JSON_H_
