#include "mp/internal/net/python_handshake.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "mp/internal/net/secret.h"

namespace mp::internal {
namespace {

using namespace std::string_literals;
using State = Handshake::State;

const std::string kTooLong = "bad message length";

std::string frame(std::string_view message) {
  std::string out = "\0\0\0\0"s;
  out[2] = static_cast<char>(message.size() >> 8);
  out[3] = static_cast<char>(message.size());
  return out + std::string(message);
}

// All that it has to say.
std::string said(Handshake& h) {
  auto out = h.output();
  std::string text(reinterpret_cast<const char*>(out.data()), out.size());
  h.sent(out.size());
  return text;
}

// Returns what it does not take.
std::string_view hear(Handshake& h, std::string_view bytes, size_t step = 1 << 20) {
  while (!bytes.empty() && !h.room().empty()) {
    std::span<std::byte> room = h.room();
    size_t count = std::min({room.size(), step, bytes.size()});
    std::memcpy(room.data(), bytes.data(), count);
    bytes.remove_prefix(count);
    h.received(count);
  }
  return bytes;
}

std::string digits(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out.push_back(static_cast<char>(i));
  return out;
}

class PythonHandshakeTest : public testing::Test {
 protected:
  std::unique_ptr<Handshake> server() { return make_python_server_handshake(terms); }
  std::unique_ptr<Handshake> client() { return make_python_client_handshake(terms); }

  // What a client says to a challenge.
  std::string answer_to(const std::string& challenge) {
    auto c = client();
    EXPECT_EQ(hear(*c, frame("#CHALLENGE#" + challenge)), "");
    EXPECT_EQ(c->state(), State::kRunning) << c->reason();
    return said(*c);
  }
  // Why a client does not answer to a first message.
  std::string refusal_of(std::string_view first) {
    auto c = client();
    hear(*c, first);
    EXPECT_EQ(c->state(), State::kFailed);
    EXPECT_EQ(said(*c), "");
    EXPECT_TRUE(c->room().empty());
    return c->reason();
  }
  // Why a server does not take this for an answer.
  std::string rejection_of(std::string_view answer) {
    auto s = server();
    said(*s);
    hear(*s, answer);
    EXPECT_TRUE(s->room().empty());
    if (s->state() == State::kRunning) {
      EXPECT_EQ(said(*s), frame("#FAILURE#"));
    }
    EXPECT_EQ(s->state(), State::kFailed);
    return s->reason();
  }

  PythonTerms terms{.authkey = Secret("secret")};
};

TEST_F(PythonHandshakeTest, ClientAndServerAgreeHoweverTheBytesAreCut) {
  for (const char* key : {"secret", "",
                          "a key longer than the block of the digest, which is hashed "
                          "first: 0123456789012345678901234567890123456789"}) {
    terms.authkey = Secret(key);
    for (size_t step = 1; step < 80; ++step) {
      auto s = server(), c = client();
      for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(hear(*c, said(*s), step), "");
        EXPECT_EQ(hear(*s, said(*c), step), "");
      }
      EXPECT_EQ(s->state(), State::kDone) << s->reason();
      EXPECT_EQ(c->state(), State::kDone) << c->reason();
      EXPECT_TRUE(s->greeted());
      EXPECT_TRUE(c->greeted());
    }
  }
}

TEST_F(PythonHandshakeTest, AnotherKeyIsFoundOutByTheServer) {
  PythonTerms other{.authkey = Secret("Secret")};
  auto s = server();
  auto c = make_python_client_handshake(other);
  hear(*c, said(*s));
  hear(*s, said(*c));
  EXPECT_EQ(s->state(), State::kRunning);
  hear(*c, said(*s));
  EXPECT_EQ(s->state(), State::kFailed);
  EXPECT_STREQ(s->reason(), "digest received was wrong");
  EXPECT_EQ(c->state(), State::kFailed);
  EXPECT_STREQ(c->reason(), "digest sent was rejected");
}

TEST_F(PythonHandshakeTest, TheMessageAfterTheHandshakeIsNotTouched) {
  auto s = server(), c = client();
  hear(*c, said(*s));
  hear(*s, said(*c));
  hear(*c, said(*s));
  hear(*s, said(*c));
  EXPECT_EQ(hear(*c, said(*s) + frame("from the server")), frame("from the server"));
  EXPECT_EQ(hear(*s, said(*c) + frame("from the client")), frame("from the client"));
  EXPECT_EQ(s->state(), State::kDone);
  EXPECT_EQ(c->state(), State::kDone);
}

// The answers are those of CPython 3.13.
TEST_F(PythonHandshakeTest, AnswersAreThoseOfPython) {
  auto expected = [](const std::string& name, const char* hex) {
    return frame(name + absl::HexStringToBytes(hex));
  };
  const std::string random = digits(40);
  EXPECT_EQ(
      answer_to("{sha256}" + random),
      expected("{sha256}", "fc57fbe650d6124b98215e7b5d197d5807ad69982d275a9735ea2d56f1fa6989"));
  EXPECT_EQ(answer_to("{sha384}" + random),
            expected("{sha384}",
                     "bae78a3376369f7b803a8473318a9b7062495b47434159ac84fc92ddb33c51b2"
                     "77c44c3edd9a5f9cb7d628f21abe2665"));
  EXPECT_EQ(
      answer_to("{sha3_256}" + random),
      expected("{sha3_256}", "82e8fa62f363295b6655abecf0e98e510224c559e9745af9741c357aec358f90"));
  EXPECT_EQ(answer_to("{sha3_384}" + random),
            expected("{sha3_384}",
                     "bfbe71d4e622f58ebf6cbe049af4c8fe518645b482915af0940d678c37c0b46d"
                     "d1a2a448f9ee5141c91bba42b46a7862"));
  terms.md5 = true;
  EXPECT_EQ(answer_to("{md5}" + random), expected("{md5}", "e8928e8cca3ace2d777017168dc6a0b2"));
  EXPECT_EQ(answer_to(digits(20)), expected("", "7defa9cc46abc3583325d17ccda75190"));
  terms.authkey = Secret("");
  EXPECT_EQ(
      answer_to("{sha256}" + random),
      expected("{sha256}", "d18b190a737f779d3125c4a2dfddcebf933e2f2713bc92fbe386ca25df9fd7af"));
}

TEST_F(PythonHandshakeTest, OurChallengesAreOfPython312AndNeverTheSame) {
  auto a = server(), b = server();
  std::string first = said(*a), second = said(*b);
  EXPECT_EQ(first.size(), 4u + 11 + 8 + 40);
  EXPECT_EQ(first.substr(0, 23), "\0\0\0\x3b#CHALLENGE#{sha256}"s);
  EXPECT_EQ(second.substr(0, 23), first.substr(0, 23));
  EXPECT_NE(first, second);
}

TEST_F(PythonHandshakeTest, Md5IsUsedOnlyWhereItIsAllowed) {
  const std::string refused =
      "the peer uses HMAC-MD5, as Python before 3.12 does, which the option md5 of mp::python "
      "allows";
  EXPECT_EQ(refusal_of(frame("#CHALLENGE#" + digits(20))), refused);
  EXPECT_EQ(refusal_of(frame("#CHALLENGE#{md5}" + digits(40))), refused);
  EXPECT_EQ(rejection_of(frame(digits(16))), refused);
  EXPECT_EQ(rejection_of(frame("{md5}" + digits(16))), refused);
  terms.md5 = true;
  EXPECT_EQ(rejection_of(frame(digits(16))), "digest received was wrong");
  EXPECT_EQ(rejection_of(frame(digits(20))), "expected 'md5' of length 16 got 20");
}

TEST_F(PythonHandshakeTest, ChallengesThatAreNoneAreNotAnswered) {
  EXPECT_EQ(refusal_of(frame("#WELCOME#")),
            "Protocol error, expected challenge: message=b'#WELCOME#'");
  EXPECT_EQ(refusal_of(frame("")), "Protocol error, expected challenge: message=b''");
  EXPECT_EQ(refusal_of(frame("#CHALLENGE#" + digits(19))), "challenge too short: 19 bytes");
  EXPECT_EQ(refusal_of(frame("#CHALLENGE#")), "challenge too short: 0 bytes");
  for (std::string name : {"{sha1}", "{sha512}", "{}", "{SHA256}", "{sha256", "sha256}",
                           "{sha256 }", "{verylongname}", ""}) {
    std::string message = name + std::string(40, 'x');
    EXPECT_EQ(refusal_of(frame("#CHALLENGE#" + message)),
              "unsupported message length, missing digest prefix, or unsupported digest: "
              "message=b'" +
                  message + "'");
  }
}

TEST_F(PythonHandshakeTest, AnswersThatAreNoneAreRejected) {
  EXPECT_EQ(rejection_of(frame("")),
            "unsupported message length, missing digest prefix, or unsupported digest: "
            "message=b''");
  EXPECT_EQ(rejection_of(frame("{sha1}" + digits(20))).substr(0, 30),
            "unsupported message length, mi");
  EXPECT_EQ(rejection_of(frame("{sha256}" + digits(32))), "digest received was wrong");
  EXPECT_EQ(rejection_of(frame("{sha256}" + digits(31))), "expected 'sha256' of length 32 got 31");
  EXPECT_EQ(rejection_of(frame("{sha256}")), "expected 'sha256' of length 32 got 0");
  EXPECT_EQ(rejection_of(frame("{sha3_384}" + digits(49))),
            "expected 'sha3_384' of length 48 got 49");
}

TEST_F(PythonHandshakeTest, MessagesAreOfAtMost256Bytes) {
  EXPECT_EQ(answer_to("{sha256}" + std::string(256 - 11 - 8, 'x')).size(), 44u);
  EXPECT_EQ(refusal_of("\0\0\1\1"s), kTooLong);
  EXPECT_EQ(refusal_of("\x7f\xff\xff\xff"s), kTooLong);
  EXPECT_EQ(refusal_of("\x80\0\0\0"s), kTooLong);
  EXPECT_EQ(refusal_of("\xff\xff\xff\xfe"s), kTooLong);
  EXPECT_EQ(refusal_of("\xff\xff\xff\xff\0\0\0\0\0\0\1\1"s), kTooLong);
  EXPECT_EQ(refusal_of(std::string(12, '\xff')), kTooLong);
  EXPECT_EQ(rejection_of("\0\0\1\1"s), kTooLong);
  EXPECT_EQ(rejection_of("GET / HTTP/1.1\r\n\r\n"), kTooLong);
  // Twelve bytes of length may announce a short message, as Python reads them.
  auto c = client();
  std::string challenge = "#CHALLENGE#{sha256}" + digits(40);
  EXPECT_EQ(hear(*c, "\xff\xff\xff\xff\0\0\0\0\0\0\0\x3b"s + challenge, 5), "");
  EXPECT_EQ(said(*c), answer_to(challenge.substr(11)));
}

TEST_F(PythonHandshakeTest, OnlyWelcomeIsAWelcome) {
  for (std::string verdict : {"#FAILURE#", "", "#WELCOME", "#WELCOME##", "#welcome#"}) {
    auto c = client();
    hear(*c, frame("#CHALLENGE#{sha256}" + digits(40)));
    said(*c);
    hear(*c, frame(verdict));
    EXPECT_EQ(c->state(), State::kFailed);
    EXPECT_STREQ(c->reason(), "digest sent was rejected");
  }
}

// What the server owes only comes when the client has proved itself.
TEST_F(PythonHandshakeTest, TheServerAnswersNoChallengeBeforeItsOwnIsAnswered) {
  EXPECT_EQ(rejection_of(frame("#CHALLENGE#{sha256}" + digits(40))).substr(0, 18),
            "unsupported messag");
}

}  // namespace
}  // namespace mp::internal
