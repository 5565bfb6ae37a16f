"""A client that knows nothing but gRPC's reflection contract; ``test_rpc_life.py`` runs it by itself.

Usage: reflecting_client.py ADDRESS REFERENCE. Prints as JSON the services, the verdict, and which modules of
this project it came to import: none.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

Question = reflection_pb2.ServerReflectionRequest


def ask(channel: grpc.Channel, question: Question) -> Any:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    return next(stub.ServerReflectionInfo(iter([question])))


def main(address: str, reference: str) -> None:
    with grpc.insecure_channel(address) as channel:
        services = [
            service.name
            for service in ask(channel, Question(list_services="")).list_services_response.service
        ]
        (name,) = [name for name in services if not name.startswith("grpc.")]
        pool = descriptor_pool.DescriptorPool()
        answer = ask(channel, Question(file_containing_symbol=name))
        # Dependencies come with the file, but in no promised order.
        files = {}
        for data in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            files[file.name] = file

        def add(file: descriptor_pb2.FileDescriptorProto) -> None:
            for dependency in file.dependency:
                if dependency not in files:
                    more = ask(channel, Question(file_by_filename=dependency)).file_descriptor_response
                    for data in more.file_descriptor_proto:
                        found = descriptor_pb2.FileDescriptorProto.FromString(data)
                        files[found.name] = found
                add(files[dependency])
            pool.Add(file)

        add(next(file for file in files.values() if file.service))
        method = pool.FindServiceByName(name).FindMethodByName("Validate")
        question = message_factory.GetMessageClass(method.input_type)
        verdict = message_factory.GetMessageClass(method.output_type)
        call: grpc.UnaryUnaryMultiCallable[Any, Any] = channel.unary_unary(
            f"/{name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=verdict.FromString,
        )
        result = call(question(reference=reference, request_id="by reflection"), timeout=5)
        ours = [module for module in sys.modules if module.partition(".")[0] in ("verifier", "providers")]
        json.dump(
            {"services": services, "ours": ours, "verdict": json_format.MessageToDict(result)}, sys.stdout
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
