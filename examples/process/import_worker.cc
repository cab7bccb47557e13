#include "examples/process/import_worker.h"

#include <iostream>

void worker() { std::cout << "Worker\n"; }
