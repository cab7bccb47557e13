#include "mp/internal/os/module.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <unwind.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/debugging/symbolize.h"

// Of libgcc, for its unwinder: the entry of the unwind tables that covers `pc`, and the start of its function.
struct dwarf_eh_bases {
  void* tbase;
  void* dbase;
  void* func;
};
extern "C" const void* _Unwind_Find_FDE(void* pc, dwarf_eh_bases* bases);

namespace mp::internal {
namespace {

// A module that was seen. It may have been closed since: current() tells.
struct Module {
  bool stays;  // the program itself, which nothing closes
  const char* begin;
  const char* end;         // of its last segment
  const char* mapped_end;  // what the dynamic linker calls its end: a hole may lie behind it
  const char* base;        // load address
  const link_map* map;
  const char* note;  // its build id in memory; null: it has none
  size_t note_size;
  ModuleId id;
  const Module* next;
};

// All that were seen, the newest first. Never freed: so they are read without a lock, also in a child that was forked while
// another thread was here.
std::atomic<const Module*> modules{nullptr};

bool contains(const char* begin, const char* end, const void* address) {
  return begin <= static_cast<const char*>(address) && static_cast<const char*>(address) < end;
}

ModuleId id_of(const char* note, size_t size) {
  unsigned char bytes[16] = {};
  std::memcpy(bytes, note, size < sizeof bytes ? size : sizeof bytes);
  ModuleId id;
  std::memcpy(&id.high, bytes, 8);
  std::memcpy(&id.low, bytes + 8, 8);
  return id;
}

// The dynamic linker's answer, without a lock: which module is at `address` now.
bool loaded_at(const void* address, dl_find_object* found) {
  return _dl_find_object(const_cast<void*>(address), found) == 0;
}

// Another module may have been loaded in its place.
bool current(const Module& module) {
  dl_find_object found;
  return module.stays ||
         (loaded_at(module.begin, &found) && found.dlfo_link_map == module.map &&
          found.dlfo_map_start == module.begin && found.dlfo_map_end == module.mapped_end &&
          (module.note == nullptr || id_of(module.note, module.note_size) == module.id));
}

uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9fb21c651e98df25;
  return h ^ (h >> 28);
}

// Of code that no relocation changes.
ModuleId hash_code(const dl_phdr_info& info) {
  ModuleId id{0x6d70, 0x6964};
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0 ||
        (segment.p_flags & PF_W) != 0) {
      continue;
    }
    const char* at = reinterpret_cast<const char*>(info.dlpi_addr + segment.p_vaddr);
    for (size_t n = segment.p_filesz / 8; n > 0; --n, at += 8) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      id.high = mix(id.high, word);
      id.low = mix(id.low + word, id.high);
    }
    id.low = mix(id.low, segment.p_memsz);
  }
  return id;
}

bool find_note(const dl_phdr_info& info, Module* module) {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) {
      continue;
    }
    const char* at = reinterpret_cast<const char*>(info.dlpi_addr + segment.p_vaddr);
    const char* end = at + segment.p_memsz;
    size_t alignment = segment.p_align == 8 ? 8 : 4;
    auto round = [&](size_t n) { return (n + alignment - 1) & ~(alignment - 1); };
    while (static_cast<size_t>(end - at) >= sizeof(ElfW(Nhdr))) {
      ElfW(Nhdr) header;
      std::memcpy(&header, at, sizeof header);
      const char* name = at + sizeof header;
      const char* content = at + round(sizeof header + header.n_namesz);
      const char* next = content + round(header.n_descsz);
      if (next > end) {
        break;
      }
      if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 &&
          std::memcmp(name, "GNU", 4) == 0) {
        module->note = content;
        module->note_size = header.n_descsz;
        module->id = id_of(content, header.n_descsz);
        return true;
      }
      at = next;
    }
  }
  return false;
}

struct Search {
  const void* address;  // the module that holds it, or
  const ModuleId* id;   // the module with this id
  const Module* result;
};

// Called by dl_iterate_phdr, under the dynamic linker's lock.
int look_at(dl_phdr_info* info, size_t, void* arg) {
  Search& search = *static_cast<Search*>(arg);
  const char* first = nullptr;
  const char* end = nullptr;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD) {
      const char* at = reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr);
      first = first == nullptr ? at : first;
      end = at + segment.p_memsz;  // segments are in order
    }
  }
  dl_find_object found;
  if (first == nullptr || !loaded_at(first, &found)) {
    return 0;
  }
  Module module{};
  module.stays = info->dlpi_name == nullptr || *info->dlpi_name == '\0';
  module.begin = static_cast<const char*>(found.dlfo_map_start);
  module.end = end;
  module.mapped_end = static_cast<const char*>(found.dlfo_map_end);
  module.base = reinterpret_cast<const char*>(info->dlpi_addr);
  module.map = found.dlfo_link_map;
  if (search.address != nullptr && !contains(module.begin, module.end, search.address)) {
    return 0;
  }
  if (!find_note(*info, &module)) {
    module.id = hash_code(*info);
  }
  if (search.id != nullptr && !(module.id == *search.id)) {
    return 0;
  }
  module.next = modules.load(std::memory_order_relaxed);
  Module* kept = new Module(module);
  // sync: modules (pairs with find_seen). Looking twice at one module only adds it twice.
  while (!modules.compare_exchange_weak(kept->next, kept, std::memory_order_release,
                                        std::memory_order_relaxed)) {
  }
  search.result = kept;
  return 1;
}

template <class Matches>
const Module* find_seen(Matches matches) {
  // sync: modules (pairs with look_at)
  for (const Module* m = modules.load(std::memory_order_acquire); m != nullptr; m = m->next) {
    if (matches(*m) && current(*m)) {
      return m;
    }
  }
  return nullptr;
}

// How many modules were there before any code of the program ran. They stay, in front of the others.
int linked = 0;
// dlopen() was called as often as this when the program began.
unsigned long long opened_before = 0;

__attribute__((constructor(101))) void count_linked() {
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void*) {
        ++linked;
        opened_before = info->dlpi_adds;
        return 0;
      },
      nullptr);
}

}  // namespace

bool find_place(const void* address, Place* place) {
  const Module* module =
      find_seen([&](const Module& m) { return contains(m.begin, m.end, address); });
  if (module == nullptr && address != nullptr) {
    Search search{address, nullptr, nullptr};
    dl_iterate_phdr(look_at, &search);
    module = search.result;
  }
  if (module == nullptr) {
    return false;
  }
  place->module = module->id;
  place->offset = static_cast<uint64_t>(static_cast<const char*>(address) - module->base);
  place->stays = module->stays;
  return true;
}

const void* find_address(const Place& place) {
  const Module* module = find_seen([&](const Module& m) { return m.id == place.module; });
  if (module == nullptr) {
    Search search{nullptr, &place.module, nullptr};
    dl_iterate_phdr(look_at, &search);
    module = search.result;
  }
  if (module == nullptr) {
    return nullptr;
  }
  uintptr_t address = reinterpret_cast<uintptr_t>(module->base) + place.offset;
  const void* there = reinterpret_cast<const void*>(address);
  return contains(module->begin, module->end, there) ? there : nullptr;
}

bool is_function(const void* address) {
  dwarf_eh_bases bases{};
  return _Unwind_Find_FDE(const_cast<void*>(address), &bases) != nullptr && bases.func == address;
}

std::string function_name(const void* address) {
  char name[1024];
  return absl::Symbolize(address, name, sizeof name) ? std::string(name) : std::string();
}

uint64_t modules_unloaded() {
  uint64_t count = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* arg) {
        *static_cast<uint64_t*>(arg) = info->dlpi_subs;
        return 1;
      },
      &count);
  return count;
}

std::vector<std::string> opened_libraries() {
  struct Walk {
    int seen = 0;
    std::vector<std::string> paths;
  } walk;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* arg) {
        if (info->dlpi_adds == opened_before) {
          return 1;
        }
        auto& walk = *static_cast<Walk*>(arg);
        if (++walk.seen > linked) {
          walk.paths.emplace_back(info->dlpi_name);
        }
        return 0;
      },
      &walk);
  return std::move(walk.paths);
}

}  // namespace mp::internal
