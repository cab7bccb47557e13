// The example of multiprocessing.sharedctypes: a child changes numbers, a text and structs.

#include <cctype>
#include <iostream>
#include <span>
#include <string>

#include "mp/mp.h"

struct Point {
  double x, y;
};

void modify(mp::Value<int> n, mp::RawValue<double> x, mp::Array<char> s, mp::Array<Point> a) {
  n.update([](int& v) { v *= v; });
  x.set_value(x.value() * x.value());
  std::string text = s.value();
  for (char& c : text) {
    c = static_cast<char>(std::toupper(c));
  }
  s.set_value(text);
  a.update([](std::span<Point> points) {
    for (Point& p : points) {
      p.x *= p.x;
      p.y *= p.y;
    }
  });
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Lock lock;
  mp::Value<int> n(7);
  mp::RawValue<double> x(1.0 / 3.0);  // lock=False
  mp::Array<char> s("hello world", lock);
  mp::Array<Point> a({{1.875, -6.25}, {-5.75, 2.0}, {2.375, 9.5}}, lock);

  mp::Process p(modify, n, x, s, a);
  p.start();
  p.join();

  std::cout << n.value() << '\n';
  std::cout << mp::Object(x.value()) << '\n';
  std::cout << s.value() << '\n';
  mp::Object pairs = mp::list();
  for (Point point : a) {
    pairs.append(mp::tuple({point.x, point.y}));
  }
  std::cout << pairs << '\n';
}
