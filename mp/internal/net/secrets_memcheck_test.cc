// Where what is done depends on a secret. Under Valgrind's memcheck the keys are marked as undefined, so every jump and every
// address that depends on one is reported (ctgrind: A. Langley, 2010). Of a handshake and of a frame that is one jump per
// verdict, right or wrong, and nothing else. Skipped where there is no Valgrind.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define MP_MEMCHECK 1
#else
#define MP_MEMCHECK 0
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "mp/internal/net/crypto.h"
#include "mp/internal/net/framing.h"
#include "mp/internal/net/handshake.h"
#include "mp/internal/net/seal.h"
#include "mp/internal/net/secret.h"
#include "mp/internal/net/stops_early.h"

namespace mp::internal {
namespace {

#if MP_MEMCHECK

void make_secret(const void* data, size_t size) {
  VALGRIND_MAKE_MEM_UNDEFINED(const_cast<void*>(data), size);
}
void make_public(const void* data, size_t size) {
  VALGRIND_MAKE_MEM_DEFINED(const_cast<void*>(data), size);
}

// How often memcheck complains of it.
size_t reports(const std::function<void()>& f) {
  const size_t before = VALGRIND_COUNT_ERRORS;
  f();
  return VALGRIND_COUNT_ERRORS - before;
}

class UnderMemcheck : public ::testing::Test {
 protected:
  // Runs this test in a program under Valgrind; true there.
  bool there() {
    if (RUNNING_ON_VALGRIND != 0) {
      return true;
    }
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string filter =
        std::string("--gtest_filter=") + info->test_suite_name() + "." + info->name();
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    pid_t child = fork();
    if (child == 0) {
      // Of this program, not of that one.
      unsetenv("TEST_PREMATURE_EXIT_FILE");
      unsetenv("XML_OUTPUT_FILE");
      execlp("valgrind", "valgrind", "-q", "--error-limit=no", "--vgdb=no", self.c_str(),
             filter.c_str(), nullptr);
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
      skipped_ = true;
    } else {
      EXPECT_EQ(status, 0) << "the test failed under Valgrind";
    }
    return false;
  }
  void TearDown() override {
    if (skipped_) {
      GTEST_SKIP() << "there is no Valgrind here";
    }
  }

 private:
  bool skipped_ = false;
};

TEST_F(UnderMemcheck, AComparisonHasOneVerdict) {
  if (there()) {
    for (size_t differs : {0u, 31u, 32u}) {
      SealTag ours{};
      SealTag theirs{};
      if (differs < ours.size()) {
        theirs[differs] = std::byte{1};
      }
      make_secret(ours.data(), ours.size());
      bool same = false;
      EXPECT_EQ(reports([&] { same = equal_digests(ours, theirs); }), 0u);
      make_public(&same, sizeof same);
      EXPECT_EQ(same, differs == 32);
      EXPECT_EQ(reports([&] { same = stops_early(ours, theirs); }),
                std::min<size_t>(differs + 1, 32))
          << "the planted one is seen at each byte that it looks at";
    }
  }
}

TEST_F(UnderMemcheck, DigestsOfSecretsAreMadeWithoutALookAtThem) {
  if (there()) {
    std::array<std::byte, 40> key{};
    std::array<std::byte, 200> message{};
    std::array<std::byte, 64> salt{};
    make_secret(key.data(), key.size());
    make_secret(message.data(), message.size());
    EXPECT_EQ(reports([&] { hmac_sha256(key, {message, salt}); }), 0u);
    EXPECT_EQ(reports([&] { hkdf_sha256(key, salt, "label"); }), 0u);
    EXPECT_EQ(reports([&] { sha256(message); }), 0u);
    EXPECT_EQ(reports([&] { wipe(key); }), 0u);
  }
}

// What one has to say, for the other.
std::string take(Handshake& h) {
  std::string out(reinterpret_cast<const char*>(h.output().data()), h.output().size());
  h.sent(out.size());
  // It is on the wire.
  make_public(out.data(), out.size());
  return out;
}
void give(Handshake& h, const std::string& bytes) {
  ASSERT_EQ(h.room().size(), bytes.size());
  std::memcpy(h.room().data(), bytes.data(), bytes.size());
  h.received(bytes.size());
}

TEST_F(UnderMemcheck, AHandshakeTellsItsVerdictsAndNoMore) {
  if (there()) {
    HandshakeTerms terms;
    terms.authkey = Secret("a key of more than 16 bytes");
    make_secret(terms.authkey.bytes().data(), terms.authkey.bytes().size());
    {
      auto server = make_server_handshake(terms);
      auto client = make_client_handshake(terms);
      const std::string hello = take(*client);
      EXPECT_EQ(reports([&] { give(*server, hello); }), 0u);
      const std::string answer = take(*server);
      EXPECT_EQ(reports([&] { give(*client, answer); }), 1u);
      const std::string proof = take(*client);
      EXPECT_EQ(client->state(), Handshake::State::kDone);
      EXPECT_EQ(reports([&] { give(*server, proof); }), 1u);
      EXPECT_EQ(server->state(), Handshake::State::kDone);
      EXPECT_EQ(reports([&] {
                  server.reset();
                  client.reset();
                }),
                0u);
    }
    for (size_t wrong : {0u, 31u}) {
      auto server = make_server_handshake(terms);
      auto client = make_client_handshake(terms);
      give(*server, take(*client));
      std::string answer = take(*server);
      answer[40 + wrong] = static_cast<char>(answer[40 + wrong] ^ 1);
      EXPECT_EQ(reports([&] { give(*client, answer); }), 1u);
      EXPECT_EQ(client->state(), Handshake::State::kFailed);
      EXPECT_EQ(reports([&] { give(*server, std::string(32, 'x')); }), 1u);
      EXPECT_EQ(server->state(), Handshake::State::kFailed);
    }
  }
}

TEST_F(UnderMemcheck, AFrameTellsItsVerdictAndNoMore) {
  if (there()) {
    const Framing& framing = Framing::of(Framing::Id::kMp);
    SealKey key{};
    const std::string payload = "payload";
    const Framing::Head head = framing.head(Content::kRaw, payload.size());
    SealTag tag = g_tag_frame(key, 0, head.span(), std::as_bytes(std::span(payload)));
    make_secret(key.data(), key.size());
    for (size_t wrong : {0u, 31u, 32u}) {
      std::string frame(reinterpret_cast<const char*>(head.bytes.data()), head.size);
      frame += payload;
      frame.append(reinterpret_cast<const char*>(tag.data()), tag.size());
      if (wrong < tag.size()) {
        char& at = frame[frame.size() - tag.size() + wrong];
        at = static_cast<char>(at ^ 1);
      }
      Incoming message;
      ASSERT_TRUE(
          message.begin({.framing = &framing, .max_frame = 1000, .key = &key, .count = 0}).ok());
      std::memcpy(message.room().data(), frame.data(), Framing::kLength);
      ASSERT_TRUE(message.received(Framing::kLength).ok());
      const size_t rest = frame.size() - Framing::kLength;
      ASSERT_EQ(message.room().size(), rest);
      std::memcpy(message.room().data(), frame.data() + Framing::kLength, rest);
      bool ok = false;
      EXPECT_EQ(reports([&] { ok = message.received(rest).ok(); }), 1u);
      EXPECT_EQ(ok, wrong == tag.size());
    }
  }
}

#else

TEST(UnderMemcheck, IsNotHere) { GTEST_SKIP() << "there was no Valgrind when this was built"; }

#endif

}  // namespace
}  // namespace mp::internal
