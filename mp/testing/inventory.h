// mp/testing/inventory.h
//
// Inventory: everything a test could leave behind, listed. Two of them, taken before and after, show what leaked.

#ifndef MP_TESTING_INVENTORY_H_
#define MP_TESTING_INVENTORY_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mp::testing {

class Inventory {
 public:
  // Of the calling process, now: its children (zombies too), threads and file descriptors; the names of this user in
  // /dev/shm, in the directory of temporary files and in the added directories; the values of the added counts.
  static Inventory take();

  // What `after` has more than this, one line each; empty when nothing.
  std::vector<std::string> leaked_in(const Inventory& after) const;

 private:
  std::map<std::string, std::string> things_;  // key -> how a message calls it
  std::map<std::string, int64_t> counts_;
};

// Takes inventories until nothing has leaked since `before`, or `patience` is over: a joined thread and a killed process
// need a moment to go. Returns the leaks that stayed.
std::vector<std::string> leaks_since(const Inventory& before,
                                     std::chrono::nanoseconds patience = std::chrono::seconds(2));

// What else to look at, for all inventories taken afterwards; whoever owns a kind of thing adds it once.
struct InventorySources {
  // Run before each look at what a test left: ends what is kept for reuse, such as the fork server.
  std::vector<std::function<void()>> settle;
  // Numbers that a test may not raise: {"arena blocks", ...}.
  std::map<std::string, std::function<int64_t()>> counts;
  // Directories in which a test may leave no name.
  std::vector<std::string> directories;
};
InventorySources& inventory_sources();

}  // namespace mp::testing

#endif  // MP_TESTING_INVENTORY_H_
