// A library that program_test opens.

#include <fstream>
#include <string>

extern "C" void write_number(std::string path, int n) { std::ofstream(path) << n; }
