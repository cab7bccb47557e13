#include "mp/process_of.h"

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp::internal {

std::string class_name(std::string_view type) {
  std::string name = pretty_name(type);
  // The last "::" outside of template arguments and of the parameters of an enclosing function.
  int depth = 0;
  size_t from = 0;
  for (size_t i = 0; i + 1 < name.size(); ++i) {
    depth += (name[i] == '<' || name[i] == '(') - (name[i] == '>' || name[i] == ')');
    if (depth == 0 && name[i] == ':' && name[i + 1] == ':') {
      from = i + 2;
    }
  }
  return name.substr(from);
}

void refuse_derived(const std::type_info& object, std::string_view base) {
  std::string name = pretty_name(object);
  raise(
      type_error(absl::StrCat("mp: a ", name, " is a ", pretty_name(base),
                              ", and would be one in the child: let it derive from mp::ProcessOf<",
                              name, "> itself, or start it by fork")));
}

}  // namespace mp::internal
