#include "mp/internal/pool/linked_list.h"

#include <gtest/gtest.h>

#include <vector>

namespace mp::internal {
namespace {

struct Element {
  int value;
  Links<Element> links = {};
};
using List = LinkedList<Element, &Element::links>;

std::vector<int> values(const List& list) {
  std::vector<int> all;
  for (Element* e = list.first(); e != nullptr; e = list.after(e)) {
    all.push_back(e->value);
  }
  return all;
}

TEST(LinkedList, HasWhatWasPutInAtEitherEndInItsOrder) {
  Element a{1}, b{2}, c{3};
  List list;
  EXPECT_TRUE(list.empty());
  list.push_back(&b);
  list.push_back(&c);
  list.push_front(&a);
  EXPECT_EQ(values(list), (std::vector<int>{1, 2, 3}));
}

TEST(LinkedList, GivesUpAnyElement) {
  for (int gone = 1; gone <= 3; ++gone) {
    Element elements[] = {{1}, {2}, {3}};
    List list;
    std::vector<int> rest;
    for (Element& e : elements) {
      list.push_back(&e);
      if (e.value != gone) {
        rest.push_back(e.value);
      }
    }
    list.erase(&elements[gone - 1]);
    EXPECT_EQ(values(list), rest);
    list.push_front(&elements[gone - 1]);
    rest.insert(rest.begin(), gone);
    EXPECT_EQ(values(list), rest);
  }
}

TEST(LinkedList, IsEmptyWithoutItsLast) {
  Element a{1};
  List list;
  for (int i = 0; i < 2; ++i) {
    list.push_front(&a);
    list.erase(&a);
    EXPECT_TRUE(list.empty());
  }
}

}  // namespace
}  // namespace mp::internal
