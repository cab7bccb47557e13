// See codec_compile_test.sh.

#include <memory>
#include <string>
#include <tuple>

#include "mp/process_of.h"

#if defined(ALL)
#define CASE(n) 1
#elif defined(ONLY)
#define CASE(n) (n == ONLY)
#else
#define CASE(n) 0
#endif

struct Right : mp::ProcessOf<Right> {
  void run() override {}
  auto fields() { return std::tie(label, number); }
  std::string label;
  int number = 0;
};

struct OfItsFields : mp::ProcessOf<OfItsFields> {
  explicit OfItsFields(int n) : number(n) {}
  void run() override {}
  auto fields() { return std::tie(number); }
  int number;
};

#if CASE(1)
struct NoFields : mp::ProcessOf<NoFields> {
  void run() override {}
};
#endif
#if CASE(2)
class HiddenFields : public mp::ProcessOf<HiddenFields> {
  void run() override {}
  auto fields() { return std::tie(number); }
  int number = 0;
};
#endif
#if CASE(3)
struct HasPointer : mp::ProcessOf<HasPointer> {
  void run() override {}
  auto fields() { return std::tie(number, pointer); }
  int number = 0;
  std::unique_ptr<int> pointer;
};
#endif
#if CASE(4)
struct Copies : mp::ProcessOf<Copies> {
  void run() override {}
  auto fields() { return std::make_tuple(number); }
  int number = 0;
};
#endif
#if CASE(5)
struct NoConstructor : mp::ProcessOf<NoConstructor> {
  NoConstructor(int, int) {}
  void run() override {}
  auto fields() { return std::tie(number); }
  int number = 0;
};
#endif
#if CASE(6)
struct NoRun : mp::ProcessOf<NoRun> {
  auto fields() { return std::tie(); }
};
#endif

void uses() {
  // Right.
  Right right;
  OfItsFields of_its_fields(3);

#if CASE(1)  // wants: NoFields | give it a public auto fields() { return std::tie(a, b); }
  NoFields v1;
#endif
#if CASE(2)  // wants: HiddenFields | give it a public auto fields() { return std::tie(a, b); }
  HiddenFields v2;
#endif
#if CASE(3)  // wants: Field<2> | mp: a smart pointer cannot cross
  HasPointer v3;
#endif
#if CASE(4)  // wants: Copies | fields() returns std::tie(...) of members, not copies of them
  Copies v4;
#endif
#if CASE(5)  // wants: NoConstructor | or one that takes the fields()
  NoConstructor v5(1, 2);
#endif
#if CASE(6)  // wants: NoRun | run()
  NoRun v6;
#endif
}
