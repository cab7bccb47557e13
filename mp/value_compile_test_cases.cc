// See codec_compile_test.sh.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mp/array.h"
#include "mp/lock.h"
#include "mp/raw_array.h"
#include "mp/value.h"

#if defined(ALL)
#define CASE(n) 1
#elif defined(ONLY)
#define CASE(n) (n == ONLY)
#else
#define CASE(n) 0
#endif

namespace mp {
class Object;
}

struct Fine {
  int a;
  char name[8];
};
struct Node {
  int v;
  Node* next;
};
struct Outer {
  int a;
  Node node;
};
struct HasReference {
  int& r;
};
struct HasConst {
  const int c;
};
struct alignas(128) Wide {
  int a;
};
struct alignas(64) Line {
  int a;
};
struct HasString {
  std::string text;
};

void uses() {
  // Right.
  mp::Value<Fine> fine;
  mp::Value<Line> line;
  mp::RawArray<double> numbers(3);
  mp::ArrayOf<'i'> more{1, 2};

#if CASE(1)  // wants: basic_string<char> | Share an mp::Array<char>, or send the string
  mp::Value<std::string> v1;
#endif
#if CASE(2)  // wants: int* | a pointer, reference or view, also inside a struct
  mp::Value<int*> v2(nullptr);
#endif
#if CASE(3)  // wants: Node | Share the value itself, or its index in an mp::Array
  mp::Array<Node> v3(1);
#endif
#if CASE(4)  // wants: Outer | a pointer, reference or view, also inside a struct
  mp::RawValue<Outer> v4;
#endif
#if CASE(5)  // wants: HasReference | a Value or Array holds plain data
  mp::RawArray<HasReference> v5(1);
#endif
#if CASE(6)  // wants: HasConst | that are trivially copyable and can be assigned
  mp::RawArray<HasConst> v6(1);
#endif
#if CASE(7)  // wants: HasString | Share those fields, or send the object through an mp::Queue
  mp::Array<HasString> v7(1);
#endif
#if CASE(8)  // wants: std::vector<int> | a Value or Array holds plain data
  mp::Value<std::vector<int>> v8;
#endif
#if CASE(9)  // wants: std::basic_string_view<char> | a pointer, reference or view
  mp::Value<std::string_view> v9;
#endif
#if CASE(10)  // wants: mp::Lock | a Value or Array holds plain data
  mp::Array<mp::Lock> v10(1);
#endif
#if CASE(11)  // wants: mp::Object | make it with mp::make_value() or mp::make_array()
  mp::Value<mp::Object>* v11 = nullptr;
  v11->value();
#endif
#if CASE(12)  // wants: require_code | bad typecode (must be one of c, b, B, u, h, H
  mp::ValueOf<'x'> v12;
#endif
#if CASE(13)  // wants: Wide | Declare the struct with alignas(64) or less
  mp::RawArray<Wide> v13(1);
#endif
#if CASE(14)  // wants: Wide | shared memory is aligned to 64 bytes, and to no more
  mp::Value<Wide> v14;
#endif
}
