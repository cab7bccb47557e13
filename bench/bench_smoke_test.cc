// Runs the whole benchmark with --quick and looks at the file that it writes.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "bench/json.h"
#include "bench/launch.h"
#include "bench/paths.h"

namespace bench {
namespace {

struct Expected {
  std::string name;
  std::vector<std::string> rivals;
  bool twin = true;
  bool std = true;
};

const std::vector<Expected>& expected_rows() {
  static const std::vector<Expected>& all = *new std::vector<Expected>{
      {"queue_256B", {"moodycamel", "boost_message_queue"}},
      {"queue_256B_batch", {"moodycamel", "boost_message_queue"}},
      {"queue_4x4_64B", {"moodycamel"}},
      {"queue_1MiB", {"two_memcpys"}, true, false},
      {"queue_1MiB_view", {"get"}, false, false},
      {"queue_256B_lease", {"get"}, false, false},
      {"joinable_queue_256B", {}, false, false},
      {"simple_queue_256B", {}, false, false},
      {"pipe_256B", {"socketpair"}},
      {"pipe_round_trip", {"futex"}, true, false},
      {"pipe_round_trip_apart", {"futex"}, true, false},
      {"pipe_1MiB", {"two_memcpys"}, true, false},
      {"pipe_polled", {"socketpair"}, false, false},
      {"wait_8", {}, false, false},
      {"tcp_64KiB", {"socket", "authenticated"}, false, false},
      {"tcp_1MiB", {"socket", "authenticated"}, false, false},
      {"unix_round_trip_256B", {"socketpair"}, false, false},
      {"seq_array_nolock", {}},
      {"seq_array_lock", {}},
      {"array_locked_read", {}},
      {"value_locked_read", {}},
      {"array_raw", {}},
      {"lock", {}},
      {"rlock", {}},
      {"semaphore", {"sem_t"}},
      {"condition", {}},
      {"event_set", {}},
      {"event", {}},
      {"barrier", {}},
      {"pool_apply", {}},
      {"pool_imap", {}},
      {"pool_map", {"onetbb"}},
      {"pool_cpu_100us", {"one_worker", "onetbb"}},
      {"pool_imap_64", {"two_workers"}},
      {"start_fork", {"bare_fork"}},
      {"start_forkserver", {"bare_fork"}},
      {"start_spawn", {"posix_spawn_self"}},
      {"start_forkserver_1GiB", {"small_parent"}},
      {"start_spawn_1GiB", {"small_parent"}},
  };
  return all;
}

std::string temporary(const std::string& name) {
  const char* directory = std::getenv("TEST_TMPDIR");
  return std::string(directory == nullptr ? "/tmp" : directory) + "/" + name;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Outcome bench_with(std::vector<std::string> options) {
  const std::string program = runfile("bench/bench");
  options.insert(options.begin(), program.empty() ? "bench/bench" : program);
  return launch(options, 280);
}

// A figure is positive, or null with a reason.
void check_figure(const std::string& row, const std::string& column, const Json& value,
                  const std::string& notes) {
  if (value.is_null()) {
    EXPECT_NE(notes.find(column + ": "), std::string::npos)
        << row << ", " << column << " is null and the notes say nothing: " << notes;
    return;
  }
  ASSERT_NE(value.number(), nullptr) << row << ", " << column << ": " << value.dump();
  EXPECT_GT(*value.number(), 0) << row << ", " << column;
}

TEST(Bench, WritesEveryRowWithFiguresOrReasons) {
  const std::string path = temporary("bench.json");
  const Outcome outcome = bench_with({"--quick", "--json=" + path});
  EXPECT_EQ(outcome.failure, "") << outcome.output;

  std::string error;
  const std::optional<Json> file = Json::parse(text_of(path), &error);
  ASSERT_TRUE(file.has_value()) << error;
  for (const char* key : {"date", "machine", "cpu_model", "cores", "kernel", "compiler", "commit",
                          "mp_options", "python", "repetitions"}) {
    EXPECT_TRUE((*file)["context"].has(key)) << key;
  }
  const Json::Array* rows = (*file)["rows"].array();
  ASSERT_NE(rows, nullptr);
  ASSERT_EQ(rows->size(), expected_rows().size());
  for (size_t i = 0; i < rows->size(); ++i) {
    const Json& row = (*rows)[i];
    const std::string& name = expected_rows()[i].name;
    ASSERT_NE(row["name"].string(), nullptr);
    EXPECT_EQ(*row["name"].string(), name);
    EXPECT_EQ(row["unit"].dump(), "\"ns/op\"");
    ASSERT_NE(row["notes"].string(), nullptr);
    const std::string& notes = *row["notes"].string();
    EXPECT_EQ(notes.find(" failed: "), std::string::npos) << name << ": " << notes;
    for (const char* column : {"processes", "threads_twin", "threads_std", "python"}) {
      EXPECT_TRUE(row.has(column)) << name << ", " << column;
      check_figure(name, column, row[column], notes);
    }
    // These need nothing but this repository, so there is no reason to miss them.
    EXPECT_FALSE(row["processes"].is_null()) << name << ": " << notes;
    EXPECT_NE(row["threads_twin"].is_null(), expected_rows()[i].twin) << name << ": " << notes;
    EXPECT_NE(row["threads_std"].is_null(), expected_rows()[i].std) << name;
    EXPECT_NE(row["cpu"]["threads_std"].number() == nullptr, expected_rows()[i].std) << name;
    for (const std::string& rival : expected_rows()[i].rivals) {
      EXPECT_TRUE(row["rivals"].has(rival)) << name << ", " << rival;
      check_figure(name, rival, row["rivals"][rival], notes);
    }
    if (name.compare(0, 5, "start") == 0 || name == "pipe_256B" || name.compare(0, 3, "tcp") == 0) {
      EXPECT_FALSE(row["rivals"][expected_rows()[i].rivals[0]].is_null()) << name;
    }
  }
}

TEST(Bench, SaysWhyThereIsNoPython) {
  const std::string path = temporary("no_python.json");
  const Outcome outcome =
      bench_with({"--quick", "--rows=lock", "--python=/does/not/exist", "--json=" + path});
  EXPECT_EQ(outcome.failure, "");
  std::string error;
  const std::optional<Json> file = Json::parse(text_of(path), &error);
  ASSERT_TRUE(file.has_value()) << error;
  const Json& row = (*(*file)["rows"].array())[0];
  EXPECT_TRUE(row["python"].is_null());
  EXPECT_NE(row["notes"].string()->find("python: no usable python3"), std::string::npos);
  EXPECT_TRUE((*file)["context"]["python"].is_null());
}

TEST(Bench, PrintsATableAndMarkdown) {
  const Outcome text = bench_with({"--quick", "--rows=seq_array_nolock"});
  EXPECT_NE(text.output.find("vs threads"), std::string::npos) << text.output;
  EXPECT_NE(text.output.find("the figures mean nothing"), std::string::npos);
  EXPECT_EQ(text.output.find("DEBUG"), std::string::npos);
  const Outcome markdown = bench_with({"--quick", "--rows=seq_array_nolock", "--markdown"});
  EXPECT_NE(markdown.output.find("| seq_array_nolock |"), std::string::npos) << markdown.output;
}

TEST(Bench, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(bench_with({"--rows=nothing_like_it", "--quick"}).failure.find("exit status 2"), 0u);
  EXPECT_EQ(bench_with({"--rows=(", "--quick"}).failure.find("exit status 2"), 0u);
  EXPECT_EQ(bench_with({"--repetitions=0"}).failure.find("exit status 2"), 0u);
  EXPECT_EQ(bench_with({"--unknown"}).failure.find("exit status 2"), 0u);
  EXPECT_EQ(bench_with({"--quick", "--rows=lock", "--json=/does/not/exist.json"})
                .failure.find("exit status 2"),
            0u);
}

TEST(Bench, ReturnsAtOnceWhenAsked) {
  const Outcome outcome = bench_with({"--return-at-once"});
  EXPECT_EQ(outcome.failure, "");
  EXPECT_EQ(outcome.output, "");
}

}  // namespace
}  // namespace bench
