#include "mp/testing/fixture.h"

namespace mp::testing {

void Fixture::SetUp() {
  for (const auto& settle : inventory_sources().settle) {
    settle();
  }
  before_ = Inventory::take();
}

void Fixture::TearDown() {
  for (const std::string& leak : leaks_since(before_)) {
    ADD_FAILURE() << "the test left behind a " << leak;
  }
}

}  // namespace mp::testing
