"""One repetition of one row with CPython's multiprocessing, for bench/harness.cc.

    python_rival.py ROW OPERATIONS

prints one line of JSON: the row, what one operation took in nanoseconds of wall and of CPU time (of all processes that took
part), the number of operations and the version of Python. What is counted and when the clock runs is what multiprocessing's
own example of benchmarks counts, and what the other columns of the table count. The garbage collector is off, as there.
"""

import gc
import json
import multiprocessing
import multiprocessing.connection
import os
import platform
import resource
import select
import sys
import time

# As in the other columns, the second party is forked, whatever this Python's default is.
FORK = multiprocessing.get_context("fork")

MESSAGE = "0" * 256


def tree_cpu_seconds():
    """User and system time of this process, of children it waited for, and of living descendants."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    parents, ticks = {}, {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(name)] = int(fields[1])
        ticks[int(name)] = sum(int(field) for field in fields[11:15])
    own = os.getpid()
    for pid in parents:
        ancestor, steps = pid, 0
        while ancestor not in (0, own) and steps < 64:
            ancestor, steps = parents.get(ancestor, 0), steps + 1
        if ancestor == own and pid != own:
            total += ticks[pid] / os.sysconf("SC_CLK_TCK")
    return total


def with_party(party, arguments, work):
    """Seconds that `work` takes, from the moment when a second process reports that it is ready."""
    ready = FORK.Condition()
    process = FORK.Process(target=report_and_run, args=(ready, party, arguments))
    with ready:
        process.start()
        ready.wait()
    start = time.perf_counter()
    work()
    elapsed = time.perf_counter() - start
    process.join()
    if process.exitcode != 0:
        raise RuntimeError("the second process ended with %s" % process.exitcode)
    return elapsed


def report_and_run(ready, party, arguments):
    with ready:
        ready.notify()
    party(*arguments)


def produce(put, count):
    for _ in range(count):
        put(MESSAGE)


def queue(count):
    channel = FORK.Queue()

    def consume():
        get = channel.get
        for _ in range(count):
            get()

    return with_party(produce, (channel.put, count), consume)


def get_in_turn(channel, begin, end, count):
    begin.wait()
    for _ in range(count):
        channel.get()
    end.wait()


def put_in_turn(channel, begin, count):
    message = "0" * 64
    begin.wait()
    for _ in range(count):
        channel.put(message)


def queue_of_many(count):
    """Four producers, four consumers."""
    channel, begin, end = FORK.Queue(), FORK.Barrier(9), FORK.Barrier(5)
    shares = [(count + i) // 4 for i in range(4)]
    processes = [FORK.Process(target=put_in_turn, args=(channel, begin, n)) for n in shares]
    processes += [FORK.Process(target=get_in_turn, args=(channel, begin, end, n)) for n in shares]
    for process in processes:
        process.start()
    begin.wait()
    start = time.perf_counter()
    end.wait()
    elapsed = time.perf_counter() - start
    for process in processes:
        process.join()
    return elapsed


def queue_of_large(count):
    channel = FORK.Queue(4)

    def consume():
        for _ in range(count):
            channel.get()

    return with_party(produce_bytes, (channel.put, bytes(1 << 20), count), consume)


def joinable_queue(count):
    channel = FORK.JoinableQueue()

    def consume():
        for _ in range(count):
            channel.get()
            channel.task_done()
        channel.join()

    return with_party(produce, (channel.put, count), consume)


def simple_queue(count):
    channel = FORK.SimpleQueue()

    def consume():
        for _ in range(count):
            channel.get()

    return with_party(produce, (channel.put, count), consume)


def on_processor(which):
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[which % len(processors)]})
    return processors


def answer_pipe(end, processor, rounds):
    on_processor(processor)
    for _ in range(rounds):
        end.send(end.recv())


def pipe_round_trip(other):
    def run(count):
        near, far = FORK.Pipe()
        process = FORK.Process(target=answer_pipe, args=(far, other, count + 1))
        process.start()
        before = on_processor(0)
        near.send(0)
        near.recv()
        start = time.perf_counter()
        for _ in range(count):
            near.send(1)
            near.recv()
        elapsed = time.perf_counter() - start
        os.sched_setaffinity(0, before)
        process.join()
        return elapsed

    return run


def pipe_of_large(count):
    near, far = FORK.Pipe(False)
    buffer = bytearray(1 << 20)

    def consume():
        for _ in range(count):
            near.recv_bytes_into(buffer)

    return with_party(produce_bytes, (far.send_bytes, bytes(1 << 20), count), consume)


def pipe_polled(count):
    near, far = FORK.Pipe(False)
    buffer = bytearray(256)
    readable = select.poll()
    readable.register(near.fileno(), select.POLLIN)

    def consume():
        for _ in range(count):
            readable.poll()
            near.recv_bytes_into(buffer)

    return with_party(produce_bytes, (far.send_bytes, bytes(256), count), consume)


def send_in_turn(ends, count):
    for i in range(count):
        ends[i % len(ends)].send(1)
        ends[i % len(ends)].recv()


def wait_for_eight(count):
    pairs = [FORK.Pipe() for _ in range(8)]
    process = FORK.Process(target=send_in_turn, args=([far for _, far in pairs], count))
    here = [near for near, _ in pairs]
    process.start()
    start = time.perf_counter()
    done = 0
    while done < count:
        for ready in multiprocessing.connection.wait(here):
            ready.send(ready.recv())
            done += 1
    elapsed = time.perf_counter() - start
    process.join()
    return elapsed


def pipe(count):
    near, far = FORK.Pipe()

    def consume():
        recv = near.recv
        for _ in range(count):
            recv()

    return with_party(produce, (far.send, count), consume)


def connected(family):
    with multiprocessing.connection.Listener(family=family) as listener:
        client = multiprocessing.connection.Client(listener.address)
        return listener.accept(), client


def produce_bytes(send, message, count):
    for _ in range(count):
        send(message)


def send_bytes_apart(send, message, count):
    on_processor(1)
    produce_bytes(send, message, count)


def tcp(size):
    def run(count):
        near, far = connected("AF_INET")
        buffer = bytearray(size)

        def consume():
            before = on_processor(0)
            recv = near.recv_bytes_into
            for _ in range(count):
                recv(buffer)
            os.sched_setaffinity(0, before)

        return with_party(send_bytes_apart, (far.send_bytes, bytes(size), count), consume)

    return run


def echo_bytes(end, count):
    on_processor(0)
    buffer = bytearray(256)
    for _ in range(count):
        end.recv_bytes_into(buffer)
        end.send_bytes(buffer)


def unix_round_trip(count):
    near, far = connected("AF_UNIX")
    buffer = bytearray(256)

    def work():
        before = on_processor(0)
        for _ in range(count):
            near.send_bytes(buffer)
            near.recv_bytes_into(buffer)
        os.sched_setaffinity(0, before)

    return with_party(echo_bytes, (far, count), work)


def read_elements(sequence, count):
    start = time.perf_counter()
    for _ in range(count):
        sequence[5]
    return time.perf_counter() - start


def array_nolock(count):
    return read_elements(FORK.Array("i", range(10), lock=False), count)


def array_lock(count):
    return read_elements(FORK.Array("i", range(10), lock=True), count)


def value_lock(count):
    value = FORK.Value("i", 7)
    start = time.perf_counter()
    for _ in range(count):
        value.value
    return time.perf_counter() - start


def array_sum(count):
    sequence = FORK.Array("i", range(1000), lock=False)
    start = time.perf_counter()
    for _ in range(count):
        sum(sequence)
    return time.perf_counter() - start


def acquire_and_release(lock, count):
    acquire, release = lock.acquire, lock.release
    start = time.perf_counter()
    for _ in range(count):
        acquire()
        release()
    return time.perf_counter() - start


def lock(count):
    return acquire_and_release(FORK.Lock(), count)


def rlock(count):
    return acquire_and_release(FORK.RLock(), count)


def semaphore(count):
    return acquire_and_release(FORK.Semaphore(), count)


def answer(turn, rounds):
    with turn:
        turn.notify()
        for _ in range(rounds):
            turn.wait()
            turn.notify()


def condition(count):
    """Ping-pong: each round is two waits, one on each side."""
    rounds = max(1, count // 2)
    turn = FORK.Condition()
    process = FORK.Process(target=answer, args=(turn, rounds))
    with turn:
        process.start()
        turn.wait()
        start = time.perf_counter()
        for _ in range(rounds):
            turn.notify()
            turn.wait()
        elapsed = time.perf_counter() - start
    process.join()
    return elapsed


def event_set(count):
    event = FORK.Event()
    start = time.perf_counter()
    for _ in range(count):
        event.set()
        event.clear()
    return time.perf_counter() - start


def answer_event(ping, pong, rounds):
    pong.set()
    for _ in range(rounds):
        ping.wait()
        ping.clear()
        pong.set()


def event(count):
    """Ping-pong: each round is two waits, one on each side."""
    rounds = max(1, count // 2)
    ping, pong = FORK.Event(), FORK.Event()
    process = FORK.Process(target=answer_event, args=(ping, pong, rounds))
    process.start()
    pong.wait()
    pong.clear()
    start = time.perf_counter()
    for _ in range(rounds):
        ping.set()
        pong.wait()
        pong.clear()
    elapsed = time.perf_counter() - start
    process.join()
    return elapsed


def pass_barrier(barrier, rounds):
    for _ in range(rounds):
        barrier.wait()


def barrier(count):
    meeting = FORK.Barrier(2)
    process = FORK.Process(target=pass_barrier, args=(meeting, count + 1))
    process.start()
    meeting.wait()
    start = time.perf_counter()
    pass_barrier(meeting, count)
    elapsed = time.perf_counter() - start
    process.join()
    return elapsed


def same(x):
    return x


def pool(run, first=False):
    """With first, an equal run comes before the one that is measured."""

    def run_in_pool(count):
        with FORK.Pool(2) as workers:
            workers.map(same, range(64), 1)
            if first:
                run(workers, count)
            start = time.perf_counter()
            run(workers, count)
            return time.perf_counter() - start

    return run_in_pool


def pool_apply(workers, count):
    for _ in range(count):
        workers.apply(same, (1,))


def pool_imap(workers, count):
    for _ in workers.imap(same, range(count)):
        pass


def pool_map(workers, count):
    workers.map(same, range(count))


def nothing():
    pass


def with_a_gibibyte(run):
    def run_large(count):
        memory = b"1" * (1 << 30)
        figure = run(count)
        del memory
        return figure

    return run_large


def start_and_join(method):
    def run(count):
        context = multiprocessing.get_context(method)
        start = time.perf_counter()
        for _ in range(count):
            process = context.Process(target=nothing)
            process.start()
            process.join()
        return time.perf_counter() - start

    return run


ROWS = {
    "queue_256B": queue,
    "queue_4x4_64B": queue_of_many,
    "queue_1MiB": queue_of_large,
    "joinable_queue_256B": joinable_queue,
    "simple_queue_256B": simple_queue,
    "pipe_256B": pipe,
    "pipe_round_trip": pipe_round_trip(0),
    "pipe_round_trip_apart": pipe_round_trip(1),
    "pipe_1MiB": pipe_of_large,
    "pipe_polled": pipe_polled,
    "wait_8": wait_for_eight,
    "tcp_64KiB": tcp(64 << 10),
    "tcp_1MiB": tcp(1 << 20),
    "unix_round_trip_256B": unix_round_trip,
    "seq_array_nolock": array_nolock,
    "seq_array_lock": array_lock,
    "array_locked_read": array_lock,
    "value_locked_read": value_lock,
    "array_raw": array_sum,
    "lock": lock,
    "rlock": rlock,
    "semaphore": semaphore,
    "condition": condition,
    "event_set": event_set,
    "event": event,
    "barrier": barrier,
    "pool_apply": pool(pool_apply),
    "pool_imap": pool(pool_imap),
    "pool_map": pool(pool_map, first=True),
    "start_fork": start_and_join("fork"),
    "start_forkserver": start_and_join("forkserver"),
    "start_spawn": start_and_join("spawn"),
    "start_forkserver_1GiB": with_a_gibibyte(start_and_join("forkserver")),
    "start_spawn_1GiB": with_a_gibibyte(start_and_join("spawn")),
}


def main():
    row, count = sys.argv[1], int(sys.argv[2])
    gc.disable()
    ROWS[row](max(2, count // 10))
    cpu = tree_cpu_seconds()
    elapsed = ROWS[row](count)
    cpu = tree_cpu_seconds() - cpu
    print(
        json.dumps(
            {
                "name": row,
                "ns_per_op": elapsed / count * 1e9,
                "cpu_ns_per_op": cpu / count * 1e9,
                "operations": count,
                "python": platform.python_version(),
            }
        )
    )


if __name__ == "__main__":
    main()
