// See codec_compile_test.sh.

#include <any>
#include <atomic>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "mp/codec.h"
#include "mp/dummy/lock.h"
#include "mp/fd.h"
#include "mp/function.h"
#include "mp/internal/frame/call.h"
#include "mp/internal/frame/failure.h"
#include "mp/object.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"

#if defined(ALL)
#define CASE(n) 1
#elif defined(ONLY)
#define CASE(n) (n == ONLY)
#else
#define CASE(n) 0
#endif

// As the library's own classes ask.
template <class T>
struct Queue {
  static_assert(mp::internal::require_shippable<T>());
};
template <class T>
void send(const T& v) {
  mp::internal::encode_message(mp::Encoder::local(), v);
}
template <class F, class... A>
void start(const F& f, const A&... a) {
  mp::internal::encode_call(mp::Encoder::local(), f, a...);
}

struct Fine {
  std::string a;
  std::vector<Fine> b;
};
struct HasPointer {
  int a;
  std::map<std::string, double*> b;
};
struct Derived : Fine {
  int c;
};
struct HasArray {
  char name[8];
};
struct HasReference {
  int& a;
};
struct Many {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y;
};
struct Virtual {
  virtual ~Virtual() = default;
  int a = 0;
};
class Private {
 public:
  explicit Private(int a) : a_(a) {}
  int a() const { return a_; }

 private:
  int a_;
};
union Either {
  int a;
  float b;
};
// As flatc makes them.
struct Table;
struct EmptyBase {};
struct NativeTable : EmptyBase {
  using TableType = Table;
  int hp = 0;
};

// A queue of itself is no reason to refuse it.
struct Tree {
  mp::Queue<Tree> children;
};

int add(int a, int b);
void take_pointer(int* p);

void uses() {
  // Right.
  Queue<Fine>();
  send("text");
  start(&add, 1, 2);
  start([](Fine) {}, Fine{});
  start([](Fine&, std::vector<int>&, mp::Queue<int>&, const int&) {}, Fine{}, std::vector<int>(),
        mp::Queue<int>(), 1);
  mp::Function<int(int)> f = mp::bind(&add, 1);
  int captured = 1;
  (void)captured, (void)f;
  mp::Queue<Tree> trees;
  trees.put(trees.get());
  mp::Queue<> objects;
  auto [a, b] = mp::Pipe();

#if CASE(1)  // wants: int* | a raw pointer cannot cross to another process
  Queue<int*>();
#endif
#if CASE(2)  // wants: CannotCross<double*, HasPointer> | Send the value
  Queue<HasPointer>();
#endif
#if CASE(3)  // wants: int& | a reference cannot cross to another process
  Queue<int&>();
#endif
#if CASE(4)  // wants: std::unique_ptr<int | Send the value, or std::optional of it
  send(std::make_unique<int>(1));
#endif
#if CASE(5)  // wants: std::shared_ptr<Fine> | a smart pointer cannot cross to another process
  Queue<std::vector<std::shared_ptr<Fine>>>();
#endif
#if CASE(6)  // wants: std::function<void()> | Use mp::Function<R(A...)>
  Queue<std::function<void()>>();
#endif
#if CASE(7)  // wants: std::any | Use mp::Object
  Queue<std::any>();
#endif
#if CASE(8)  // wants: std::reference_wrapper<int> | a std::reference_wrapper cannot cross
  send(std::ref(captured));
#endif
#if CASE(9)  // wants: long double | Use double or int64_t
  Queue<long double>();
#endif
#if CASE(10)  // wants: std::basic_string_view<char> | Use std::string
  Queue<std::string_view>();
#endif
#if CASE(11)  // wants: const char* | Use std::string
  Queue<const char*>();
#endif
#if CASE(12)  // wants: std::span<int> | Use std::string or std::vector
  Queue<std::span<int>>();
#endif
#if CASE(13)  // wants: int [3] | Use std::array
  int numbers[3] = {1, 2, 3};
  send(numbers);
#endif
#if CASE(14)  // wants: lambda | its captures cannot be seen
  start([captured] { return captured; });
#endif
#if CASE(15)  // wants: lambda | mp::bind(f, values...)
  start([&captured] { ++captured; });
#endif
#if CASE(16)  // wants: lambda | Write [] and pass them as arguments
  start([=] { return 1; });
#endif
#if CASE(17)  // wants: lambda | a lambda with captures cannot cross to another process
  mp::Function<int()> g = [captured] { return captured; };
#endif
#if CASE(18)  // wants: Derived | Make the base a field
  Queue<Derived>();
#endif
#if CASE(19)  // wants: HasArray | Use std::array, or give the struct
  Queue<std::optional<HasArray>>();
#endif
#if CASE(20)  // wants: HasReference | a struct with a reference cannot cross to another process
  Queue<HasReference>();
#endif
#if CASE(21)  // wants: Many | a struct with more than 24 fields
  Queue<Many>();
#endif
#if CASE(22)  // wants: Virtual | a class with virtual functions cannot cross field by field
  Queue<Virtual>();
#endif
#if CASE(23)  // wants: Private | or specialize mp::Codec for it
  Queue<std::tuple<int, Private>>();
#endif
#if CASE(24)  // wants: Either | Use std::variant
  Queue<Either>();
#endif
#if CASE(25)  // wants: NativeTable | include mp/flatbuffer.h
  Queue<NativeTable>();
#endif
#if CASE(26)  // wants: int* | a raw pointer cannot cross to another process
  start(&take_pointer, &captured);
#endif
#if CASE(27)  // wants: Takes<2>, mp::internal::Gets<1> | takes more arguments than it gets here
  start(mp::fn<&add>, 1);
#endif
#if CASE(28)  // wants: Argument<2>, mp::internal::Is<std::vector | an argument does not convert
  start(&add, 1, std::vector<int>());
#endif
#if CASE(29)  // wants: Fine | this callable cannot be called with these arguments
  start([](auto x) -> decltype(x + 1) { return x + 1; }, Fine());
#endif
#if CASE(30)  // wants: const int | Use the type without it
  Queue<const int>();
#endif
#if CASE(31)  // wants: Takes<2>, mp::internal::Gets<3> | takes fewer arguments than it gets here
  start(&add, 1, 2, 3);
#endif
#if CASE(32)  // wants: CannotCross<int*, int*> | Send the value, an mp::Bytes
  start([](int, int*) {}, 1, &captured);
#endif
#if CASE(33)  // wants: NotInAnObject<int (*)(int, int) | an mp::Object holds no code
  mp::Object o33 = std::optional<int (*)(int, int)>(&add);
#endif
#if CASE(34)  // wants: lambda | mp::Queue<mp::Function<R(A...)>>
  mp::Object o34 = [](int n) { return n; };
#endif
#if CASE(35)  // wants: mp::Function<int(int)> | an mp::Object holds no code
  mp::Object o35 = std::vector<mp::Function<int(int)>>{f};
#endif
#if CASE(36)  // wants: mp::Fd | an mp::Object holds no file descriptor
  mp::Object o36 = mp::Fd();
#endif
#if CASE(37)  // wants: NotInAnObject<mp::Fd, std::tuple<int, mp::Fd | mp::Queue<mp::Fd>
  mp::Object o37 = std::tuple<int, mp::Fd>();
#endif
#if CASE(38)  // wants: exception_ptr | an mp::Object holds no exception
  mp::Object o38 = std::exception_ptr();
#endif
#if CASE(39)  // wants: Argument<1> | a std::reference_wrapper cannot cross
  start([](int&) {}, std::ref(captured));
#endif
#if CASE(40)  // wants: std::mutex | Use mp::Lock
  Queue<std::mutex>();
#endif
#if CASE(41)  // wants: std::atomic<int> | mp::Value
  Queue<std::atomic<int>>();
#endif
#if CASE(42)  // wants: mp::dummy::Lock | Use mp's class of the same name
  start([](mp::dummy::Lock) {}, mp::dummy::Lock());
#endif
#if CASE(43)  // wants: mp::Process | Send its pid()
  start([](mp::Process) {}, mp::Process());
#endif
#if CASE(44)  // wants: CannotCross<int*, int*> | a raw pointer cannot cross
  mp::Object(1).as<int*>();
#endif
#if CASE(45)  // wants: std::mutex | Use mp::Lock
  objects.put({1, std::mutex()});
#endif
#if CASE(46)  // wants: std::unique_ptr<int | a smart pointer cannot cross
  objects.put(std::make_unique<int>(1));
#endif
#if CASE(47)  // wants: int* | a raw pointer cannot cross
  objects.put({&captured});
#endif
#if CASE(48)  // wants: lambda | a lambda with captures cannot cross
  objects.put([captured] { return captured; });
#endif
#if CASE(49)  // wants: int (*)(int, int) | an mp::Object holds no code
  objects.put(&add);
#endif
#if CASE(50)  // wants: std::mutex* | a raw pointer cannot cross
  mp::Queue<std::mutex*> q50;
#endif
#if CASE(51)  // wants: std::basic_string_view<char> | Use std::string
  mp::Queue<std::string_view> q51;
#endif
#if CASE(52)  // wants: std::mutex* | a raw pointer cannot cross
  mp::Queue<std::mutex*> q52;
  q52.put(q52.get());
#endif
#if CASE(53)  // wants: std::shared_ptr<Fine> | a smart pointer cannot cross
  a.send(std::make_shared<Fine>());
#endif
#if CASE(54)  // wants: Private | or specialize mp::Codec for it
  b.recv<Private>();
#endif
#if CASE(55)  // wants: int* | a raw pointer cannot cross
  mp::Process(take_pointer, &captured);
#endif
#if CASE(56)  // wants: std::_Bind< | Use mp::bind(f, values...)
  start(std::bind(&add, 1, 2));
#endif
#if CASE(57)  // wants: int& | Take it by value or const reference
  start([](int& n) { ++n; }, 1);
#endif
#if CASE(58)  // wants: double& | return the result, or share an mp::Value
  mp::Process([](mp::Queue<int>, double& x) { x = 1; }, mp::Queue<int>(), 0.5);
#endif
}
