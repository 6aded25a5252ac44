internal import CJackdaw
internal import Glibc

/// A thread that runs one closure to its end.
package struct WorkerThread: Sendable {
    private let handle: pthread_t

    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// `name` is what the system's tools show (15 bytes of it). Fails where the system has no thread left.
    package init?(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(name, body))
        var handle = pthread_t()
        let failure = pthread_create(&handle, nil, Self.enter, start.toOpaque())
        guard failure == 0 else {
            start.release()
            return nil
        }
        self.handle = handle
    }

    // A function of its own: a closure that is written in a MainActor context would trap on another thread.
    private static let enter: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        jd_name_thread(start.name)
        start.body()
        return nil
    }

    package func join() { pthread_join(handle, nil) }
}
