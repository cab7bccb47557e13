// A thread that uses the descriptor of a process is held where it has taken the number and not begun its system call, while
// another thread closes the process and gives the number to something else: the first waits for nobody else, and sends
// nobody else its signal. The planted bug is caught.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <new>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/os/process_bug.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/helper.h"
#include "mp/testing/tracee.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using testing::Tracee;
using testing::Watchdog;

using Call = void (*)(const Process&);

bool uses_descriptor(long call) {
  return call == SYS_ppoll || call == SYS_pidfd_send_signal || call == SYS_clone;
}

// A process that notes which signals it gets: those that wait for it come in the order of their numbers.
class Bystander {
 public:
  Bystander()
      : heard_(new (mmap(nullptr, sizeof(Heard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                         -1, 0)) Heard) {
    pid_ = fork();
    if (pid_ == 0) {
      sigset_t all;
      sigfillset(&all);
      sigprocmask(SIG_SETMASK, &all, nullptr);
      for (heard_->ready = true;;) {
        const int signal = sigwaitinfo(&all, nullptr);
        std::atomic<int>& noted = signal == SIGRTMIN ? heard_->last : heard_->first;
        if (noted == 0 && signal > 0) {
          noted = signal;
        }
      }
    }
    while (!heard_->ready) {
      sched_yield();
    }
  }
  ~Bystander() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    munmap(heard_, sizeof(Heard));
  }
  int pid() const { return pid_; }
  // The first signal that it got, if any.
  int heard() const {
    kill(pid_, SIGRTMIN);
    while (heard_->last == 0) {
      sched_yield();
    }
    return heard_->first;
  }

 private:
  struct Heard {
    std::atomic<bool> ready{false};
    std::atomic<int> first{0};
    std::atomic<int> last{0};
  };
  Heard* heard_;
  int pid_;
};

// A thread uses a process; when told to, another lets the process end, closes it and takes its descriptor's number.
class Use final : public testing::Traced {
 public:
  Use(const char* method, bool tree, Call call)
      : options_{.context = get_context(method), .kill_tree = tree}, call_(call) {}

  void prepare() override {
    Queue<int> begun;
    Queue<int> end;
    process_.emplace(
        options_,
        [](Queue<int> begun, Queue<int> end) {
          begun.put(1);
          end.get();
        },
        begun, end);
    process_->start();
    // So that nobody looks whether it has.
    begun.get();
    std::thread([this, end] {
      close_.wait();
      end.put(1);
      process_->join();
      const int number = process_->sentinel();
      process_->close();
      // Of what is never ready, and gets the signals.
      fcntl(static_cast<int>(syscall(SYS_pidfd_open, bystander_.pid(), 0)), F_DUPFD, number);
      closed_.give();
    }).detach();
  }
  void operate() override {
    try {
      call_(*process_);
    } catch (const ValueError&) {
      // It is closed.
    }
  }

  void close() {
    close_.give();
    closed_.wait();
  }
  int heard() const { return bystander_.heard(); }

 private:
  Process::Options options_;
  Call call_;
  Bystander bystander_;
  std::optional<Process> process_;
  testing::Order close_;
  testing::Order closed_;
};

// What goes wrong when the process is closed before the `nth` use of its descriptor; "": nothing. None: there are fewer.
std::optional<std::string> harm(const char* method, bool tree, Call call, int nth) {
  Use use(method, tree, call);
  Tracee tracee(use);
  int uses = 0;
  for (Tracee::At at = tracee.at();;) {
    switch (at) {
      case Tracee::At::kInstruction:
        at = tracee.run();
        break;
      case Tracee::At::kEntry:
        if (uses_descriptor(tracee.call()) && ++uses == nth) {
          use.close();
        }
        at = tracee.step();
        break;
      case Tracee::At::kAsleep:
        if (uses < nth && tracee.call() == SYS_ppoll) {
          return std::nullopt;  // over the process, which lives
        }
        at = tracee.step(5s);
        if (at == Tracee::At::kAsleep) {
          return absl::StrCat("sleeps in call ", tracee.call());
        }
        break;
      case Tracee::At::kEnd:
        if (uses < nth) {
          return std::nullopt;
        }
        if (int signal = use.heard(); signal != 0) {
          return absl::StrCat("somebody else gets signal ", signal);
        }
        return "";
      case Tracee::At::kGone:
        return tracee.gone_text();
      case Tracee::At::kStuck:
        return "stuck";
    }
  }
}

struct Case {
  const char* name;
  Call call;
  const char* planted;  // what the planted bug does
  bool tree = false;
};
const Case kCases[] = {
    {"join", [](const Process& p) { p.join(); }, "sleeps in call"},
    {"join_with_timeout", [](const Process& p) { p.join(60s); }, "sleeps in call"},
    {"interrupt", [](const Process& p) { p.interrupt(); }, "somebody else gets signal 2"},
    {"terminate", [](const Process& p) { p.terminate(); }, "somebody else gets signal 15"},
    {"terminate_tree", [](const Process& p) { p.terminate(); }, "somebody else gets signal 15",
     true},
};

class ProcessClose : public ::testing::TestWithParam<std::tuple<const char*, Case>> {
 protected:
  void TearDown() override { internal::g_process_bug = internal::ProcessBug::kNone; }

  std::optional<std::string> harm_at(int nth) const {
    auto [method, c] = GetParam();
    return harm(method, c.tree, c.call, nth);
  }

 private:
  Watchdog dog_{120s};
};

TEST_P(ProcessClose, LeavesItsDescriptorToWhoIsAboutToUseIt) {
  int nth = 1;
  for (std::optional<std::string> what; (what = harm_at(nth)).has_value(); ++nth) {
    EXPECT_EQ(*what, "") << "at use " << nth;
  }
  EXPECT_GT(nth, 1);
}

TEST_P(ProcessClose, ThatItDoesNotIsCaught) {
  internal::g_process_bug = internal::ProcessBug::kShutInUse;
  const std::string want = std::get<1>(GetParam()).planted;
  std::string caught;
  for (int nth = 1; caught.find(want) == caught.npos; ++nth) {
    std::optional<std::string> what = harm_at(nth);
    ASSERT_TRUE(what.has_value()) << caught;
    caught = *what;
  }
}

INSTANTIATE_TEST_SUITE_P(Process, ProcessClose,
                         ::testing::Combine(::testing::Values("fork", "spawn", "forkserver"),
                                            ::testing::ValuesIn(kCases)),
                         [](const auto& info) {
                           return absl::StrCat(std::get<0>(info.param), "_",
                                               std::get<1>(info.param).name);
                         });

}  // namespace
}  // namespace mp
