#include "mp/testing/inventory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "mp/testing/proc.h"

namespace mp::testing {
namespace {

template <class See>
void each_name(const std::string& directory, See see) {
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) {
    return;
  }
  while (dirent* entry = readdir(stream)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") {
      see(name, dirfd(stream));
    }
  }
  closedir(stream);
}

std::string target_of(const std::string& link) {
  char target[512];
  ssize_t n = readlink(link.c_str(), target, sizeof target);
  return std::string(target, n < 0 ? 0 : static_cast<size_t>(n));
}

// The directory of temporary files, if it is this test's alone.
std::string own_temporary_directory() {
  const char* directory = std::getenv("TEST_TMPDIR");
  return directory != nullptr ? directory : "";
}

}  // namespace

InventorySources& inventory_sources() {
  static InventorySources* sources = new InventorySources;
  return *sources;
}

Inventory Inventory::take() {
  Inventory now;
  for (pid_t child : children_of(getpid())) {
    std::string pid = std::to_string(child);
    bool zombie = process_state(child) == 'Z';
    now.things_["child " + pid] =
        (zombie ? "child, dead and not waited for: " : "child: ") + pid + " " + command_of(child);
  }
  each_name("/proc/self/task",
            [&](const std::string& tid, int) { now.things_["thread " + tid] = "thread: " + tid; });
  each_name("/proc/self/fd", [&](const std::string& fd, int stream) {
    if (fd != std::to_string(stream)) {
      std::string target = target_of("/proc/self/fd/" + fd);
      // The target is part of the key: a number that was closed and opened again is another file.
      now.things_["fd " + fd + " " + target] = "file descriptor: " + fd + " -> " + target;
    }
  });
  std::vector<std::string> directories = inventory_sources().directories;
  directories.push_back("/dev/shm");
  directories.push_back(own_temporary_directory());
  for (const std::string& directory : directories) {
    each_name(directory, [&](const std::string& name, int stream) {
      struct stat info;
      if (fstatat(stream, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
          info.st_uid == geteuid()) {
        now.things_["name " + directory + "/" + name] = "name: " + directory + "/" + name;
      }
    });
  }
  for (const auto& [name, count] : inventory_sources().counts) {
    now.counts_[name] = count();
  }
  return now;
}

std::vector<std::string> Inventory::leaked_in(const Inventory& after) const {
  std::vector<std::string> leaks;
  for (const auto& [key, text] : after.things_) {
    if (things_.count(key) == 0) {
      leaks.push_back(text);
    }
  }
  for (const auto& [name, count] : after.counts_) {
    auto old = counts_.find(name);
    int64_t before = old == counts_.end() ? 0 : old->second;
    if (count > before) {
      leaks.push_back(name + ": " + std::to_string(count - before) + " more than the " +
                      std::to_string(before) + " before");
    }
  }
  return leaks;
}

std::vector<std::string> leaks_since(const Inventory& before, std::chrono::nanoseconds patience) {
  for (const auto& settle : inventory_sources().settle) {
    settle();
  }
  auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    std::vector<std::string> leaks = before.leaked_in(Inventory::take());
    if (leaks.empty() || std::chrono::steady_clock::now() >= end) {
      return leaks;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace mp::testing
