package import KafkaWire

/// The body of a request: it knows its API and what answers it.
package protocol RequestMessage: WireMessage {
    associatedtype Response: ResponseMessage
    static var apiKey: ApiKey { get }
}

package protocol ResponseMessage: WireMessage {
    static var apiKey: ApiKey { get }
}

/// A record of the metadata log, `__cluster_metadata`.
package protocol MetadataRecord: WireMessage {
    static var recordType: MetadataRecordType { get }
}

/// A record of the remote log metadata topic.
package protocol RemoteLogMetadataRecord: WireMessage {
    static var recordType: Int16 { get }
}

/// The key of a coordinator's record. Group, transaction and share coordinator each count their types from 0.
package protocol CoordinatorKey: WireMessage {
    static var recordType: Int16 { get }
}

/// The value of a coordinator's record; the type stands in the key.
package protocol CoordinatorValue: WireMessage {
    static var recordType: Int16 { get }
}

/// What members of a classic consumer group send each other through JoinGroup and SyncGroup.
package protocol ConsumerProtocolMessage: WireMessage {}
