"""Asks a server with the official Python SDK; prints each event as it came and what the SDK made of all.

usage: sdk_client.py ask URL     goes through the script
       sdk_client.py examples    prints an event of each kind that the SDK knows
       sdk_client.py get FILE URL  takes in these events
"""

import json
import sys
import typing
import warnings

import openai
import pydantic
from openai.types.responses import CompactedResponse, Response, ResponsesServerEvent, ResponseStreamEvent

ASKED = {"model": "gpt-5.5", "input": "Go on."}


def check(model):
    """Fails where the SDK took in what it would not call valid."""
    type(model).model_validate(model.to_dict(mode="json"))
    return model


def kinds(union):
    """Event kinds that the SDK knows, by type."""
    alternatives = typing.get_args(typing.get_args(union)[0])
    return {typing.get_args(kind.model_fields["type"].annotation)[0]: kind for kind in alternatives}


KINDS, SOCKET_KINDS = kinds(ResponseStreamEvent), kinds(ResponsesServerEvent)


def checked(events, known=KINDS):
    """The events, each of which must be known and valid."""
    for event in events:
        assert type(event) is known[event.type], f"{event.type} became {type(event).__name__}"
        yield check(event)


def example(kind):
    """A small value of a type, with what is required of it."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        fields = kind.model_fields.items()
        return {field.alias or name: example(field.annotation) for name, field in fields if field.is_required()}
    if origin is typing.Literal:
        return arguments[0]
    if kind in (str, int, float, bool):
        return kind(1)
    if origin is list:
        return [example(arguments[0])]
    if origin is dict or kind is object:
        return {}
    return None if type(None) in arguments else example(arguments[0])  # a union, or annotated


def get(client, path):
    """Takes in the events of a file, one by one."""
    with open(path) as file:
        sent = json.load(file)
    assert [event.to_dict(mode="json") for event in checked(client.responses.create(**ASKED, stream=True))] == sent


def ask(client):
    """Goes through all steps of the script."""
    events = list(checked(client.responses.create(**ASKED, stream=True)))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    with client.responses.stream(**ASKED) as stream:
        *_, last = stream
        final = stream.get_final_response()
    told = {"events": [event.to_dict(mode="json") for event in events]}
    print(json.dumps({**told, "last": last.response.to_dict(mode="json"), "final": final.to_dict(mode="json")}))

    for last, status in (("response.failed", "failed"), ("response.incomplete", "incomplete"), ("error", None)):
        *_, event = checked(client.responses.create(**ASKED, stream=True))
        assert event.type == last and (status is None or event.response.status == status), event
    response = check(client.responses.create(**ASKED))
    assert isinstance(response, Response) and response.output_text == "Whole." and response.output[1].name == "f", response
    compacted = check(client.responses.compact(**ASKED))
    assert isinstance(compacted, CompactedResponse) and compacted.output[0].encrypted_content == "gAAAAAfake", compacted
    assert [model.id for model in client.models.list()] == ["fake-model"]
    try:
        client.responses.create(**ASKED)
    except openai.RateLimitError as error:
        assert error.code == "rate_limit_exceeded" and error.response.headers["retry-after"] == "1", error

    with client.responses.connect() as connection:

        def respond(**more):
            connection.response.create(**more)
            for event in checked(connection, SOCKET_KINDS):
                if event.type == "response.completed":
                    return event.response

        first = respond(**ASKED)
        output = {"type": "function_call_output", "call_id": "call_1", "output": "a.txt"}
        assert respond(model="gpt-5.5", previous_response_id=first.id, input=[output]).output_text == "Over a WebSocket."


def main():
    task, *arguments = sys.argv[1:]
    if task == "examples":
        return print(json.dumps([example(kind) for kind in KINDS.values()]))
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "connect\\(\\) must be used as a context manager")  # how the SDK uses websockets
    *rest, url = arguments
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    {"ask": ask, "get": get}[task](client, *rest)


main()
