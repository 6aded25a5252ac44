import Foundation
import KafkaMessages
import KafkaWire
import TestKit

/// A golden message vector: a body that Kafka encoded, with Kafka's JSON of it.
struct MessageVector: Decodable {
    let name: String
    let version: Int16
    let variant: String?
    let hex: String

    var bytes: [UInt8] { GoldenVectors.bytes(hex: hex) }
    var label: String { "\(name) v\(version) \(variant ?? "")" }

    static func files() throws -> [String] {
        try GoldenVectors.files(in: "messages") + GoldenVectors.files(in: "records") + ["headers.jsonl.gz"]
    }

    static func all() throws -> [MessageVector] {
        try files().flatMap { try GoldenVectors.rows($0, as: MessageVector.self) }
    }
}

struct UnknownMessage: Error {
    let name: String
}

/// A message type whose name comes from a vector.
func messageType(_ name: String) throws -> any (WireMessage & SendableMetatype).Type {
    guard let type = AllMessages.byName[name] else { throw UnknownMessage(name: name) }
    return type
}

/// Gives the bytes as a frame that ends where its memory ends, so that the address sanitizer sees a read behind it.
func withFrame<Result>(_ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows
    -> Result
{
    let frame = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { frame.deallocate() }
    frame.copyBytes(from: bytes)
    return try body(UnsafeRawBufferPointer(frame))
}
