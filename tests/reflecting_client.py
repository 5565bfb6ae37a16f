"""A client that knows nothing but gRPC reflection: run as a program of its own, with the source tree out of reach.

    python -I reflecting_client.py ADDRESS REFERENCE

prints the verdict as JSON. It learns the service and its messages from the server alone.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

SERVICE = "pycosign.verifier.v1.VerifierService"


def learn(channel: grpc.Channel) -> descriptor_pool.DescriptorPool:
    """The server's file descriptors, with all they depend on, in a pool of their own."""
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def ask(request: reflection_pb2.ServerReflectionRequest) -> None:
        (answer,) = stub.ServerReflectionInfo(iter([request]))  # type: ignore[operator]  # its stubs' fault
        for raw in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            if file.name not in files:
                files[file.name] = file
                for dependency in file.dependency:
                    ask(reflection_pb2.ServerReflectionRequest(file_by_filename=dependency))

    ask(reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE))
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()

    def add(name: str) -> None:
        if name not in added:
            added.add(name)
            for dependency in files[name].dependency:
                add(dependency)
            pool.Add(files[name])

    for name in files:
        add(name)
    return pool


def main() -> None:
    address, reference = sys.argv[1:]
    with grpc.insecure_channel(address) as channel:
        pool = learn(channel)
        method = pool.FindServiceByName(SERVICE).methods_by_name["Validate"]
        request_class = message_factory.GetMessageClass(method.input_type)
        answer_class = message_factory.GetMessageClass(method.output_type)
        call = channel.unary_unary(
            f"/{SERVICE}/Validate",
            request_serializer=request_class.SerializeToString,
            response_deserializer=answer_class.FromString,
        )
        answer = call(request_class(reference=reference), timeout=10)
        sys.stdout.write(json.dumps(json_format.MessageToDict(answer)))
    if any(name.split(".")[0] in ("verifier", "pycosign", "providers") for name in sys.modules):
        sys.exit("this client was to know reflection only")


if __name__ == "__main__":
    main()
