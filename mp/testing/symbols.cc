#include "mp/testing/symbols.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

namespace mp::testing {
namespace {

struct Symbol {
  uintptr_t start;
  std::string name;
};

uintptr_t program_base() {
  uintptr_t base = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        *static_cast<uintptr_t*>(out) = info->dlpi_addr;
        return 1;  // the program comes first
      },
      &base);
  return base;
}

// The functions of the program's own symbol table, by address. Empty when it was stripped.
std::vector<Symbol> read_symbols() {
  std::vector<Symbol> symbols;
  std::ifstream in("/proc/self/exe", std::ios::binary);
  std::string file((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  auto at = [&](uint64_t offset, uint64_t size) {
    return offset <= file.size() && size <= file.size() - offset ? file.data() + offset : nullptr;
  };
  Elf64_Ehdr header;
  if (file.size() < sizeof header) {
    return symbols;
  }
  std::memcpy(&header, file.data(), sizeof header);
  auto section = [&](uint32_t i) {
    Elf64_Shdr s{};
    const char* from = at(header.e_shoff + uint64_t{i} * sizeof s, sizeof s);
    if (i < header.e_shnum && from != nullptr) {
      std::memcpy(&s, from, sizeof s);
    }
    return s;
  };
  uintptr_t base = program_base();
  for (uint32_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr table = section(i);
    Elf64_Shdr names = section(table.sh_link);
    const char* text = at(names.sh_offset, names.sh_size);
    const char* entries = at(table.sh_offset, table.sh_size);
    if (table.sh_type != SHT_SYMTAB || text == nullptr || entries == nullptr) {
      continue;
    }
    for (uint64_t n = 0; n < table.sh_size / sizeof(Elf64_Sym); ++n) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, entries + n * sizeof symbol, sizeof symbol);
      if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_name < names.sh_size) {
        symbols.push_back({base + symbol.st_value, text + symbol.st_name});
      }
    }
  }
  std::sort(symbols.begin(), symbols.end(),
            [](const Symbol& a, const Symbol& b) { return a.start < b.start; });
  return symbols;
}

std::string demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 && text != nullptr ? text : name;
  std::free(text);
  return result;
}

std::string plus(const std::string& name, uintptr_t offset) {
  char text[32];
  std::snprintf(text, sizeof text, "+0x%zx", static_cast<size_t>(offset));
  return name + text;
}

}  // namespace

std::string symbol_of(uintptr_t address) {
  static const auto* symbols = new std::vector<Symbol>(read_symbols());
  Dl_info info;
  bool known = dladdr(reinterpret_cast<void*>(address), &info) != 0;
  uintptr_t base = known ? reinterpret_cast<uintptr_t>(info.dli_fbase) : 0;
  auto after = std::upper_bound(symbols->begin(), symbols->end(), address,
                                [](uintptr_t a, const Symbol& s) { return a < s.start; });
  if (after != symbols->begin() && std::prev(after)->start >= base) {
    const Symbol& symbol = *std::prev(after);
    return plus(demangled(symbol.name.c_str()), address - symbol.start);
  }
  if (known && info.dli_sname != nullptr) {
    return plus(demangled(info.dli_sname), address - reinterpret_cast<uintptr_t>(info.dli_saddr));
  }
  return plus(known && info.dli_fname != nullptr ? info.dli_fname : "", address - base);
}

bool bound_at_start() {
  bool bound = false;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        bool dynamic = false;
        bool now = false;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) {
            continue;
          }
          dynamic = true;
          const auto* entry =
              reinterpret_cast<const ElfW(Dyn)*>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
          for (; entry->d_tag != DT_NULL; ++entry) {
            now = now || entry->d_tag == DT_BIND_NOW ||
                  (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_BIND_NOW) != 0) ||
                  (entry->d_tag == DT_FLAGS_1 && (entry->d_un.d_val & DF_1_NOW) != 0);
          }
        }
        *static_cast<bool*>(out) = !dynamic || now;
        return 1;  // the program only: its libraries call each other through their own tables
      },
      &bound);
  return bound || std::getenv("LD_BIND_NOW") != nullptr;
}

}  // namespace mp::testing
