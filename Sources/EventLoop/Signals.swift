internal import CJackdaw
internal import Glibc

/// Signals as events of a loop. Block them before any thread starts, so that every thread inherits that.
package final class SignalChannel: Channel {
    private let descriptor: Int32
    private let received: (Int32) -> Void

    /// Blocks `signals` for this thread and those that it starts, and ignores SIGPIPE (it comes from sendfile and OpenSSL).
    package static func block(_ signals: [Int32]) {
        var set = Self.set(of: signals)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    package init?(_ signals: [Int32], received: @escaping (Int32) -> Void) {
        var set = Self.set(of: signals)
        descriptor = signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        self.received = received
    }

    deinit { close(descriptor) }

    package func register(on loop: EventLoop) { _ = loop.register(self, descriptor: descriptor, for: .readable) }

    public override func ready(_ events: EventLoop.Events) {
        var info = signalfd_siginfo()
        while read(descriptor, &info, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size {
            received(Int32(bitPattern: info.ssi_signo))
        }
    }

    private static func set(of signals: [Int32]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        return set
    }
}
