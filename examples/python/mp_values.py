"""Values of mp for Python: what Connection.send_value() of mp::python sends, and recv_value() receives.

value_generated.py is made by the schema compiler, `flatc --python --gen-onefile mp/wire/value.fbs`; it needs the package
flatbuffers (Debian: python3-flatbuffers).
"""

import flatbuffers
import value_generated as wire

NUMBERS = ("Bools", "Int8s", "Int16s", "Int32s", "Int64s", "UInt8s", "UInt16s", "UInt32s", "UInt64s", "Float32s", "Float64s")


def load(message):
    """The Python object that a message is: None, bool, int, float, str, bytes, list, tuple, set or dict."""
    if not wire.Value.ValueBufferHasIdentifier(message, 0):
        raise ValueError("not a value of mp")
    return _object(wire.Value.GetRootAs(message, 0))


def _object(value):
    name = next(n for n, number in vars(wire.Any).items() if number == value.ValueType())
    member = getattr(wire, name)()
    table = value.Value()
    member.Init(table.Bytes, table.Pos)
    if name == "Null":
        return None
    if name in ("Bool", "Int", "UInt", "Float"):
        return member.Value()
    if name == "Text":
        return (member.Value() or b"").decode("utf-8", "surrogateescape")
    if name == "Bytes":
        return bytes(member.Value(i) for i in range(member.ValueLength()))
    if name == "Texts":
        return [member.Value(i).decode("utf-8", "surrogateescape") for i in range(member.ValueLength())]
    if name in NUMBERS:
        return [member.Value(i) for i in range(member.ValueLength())]
    if name in ("List", "Fields"):
        return [_object(member.Items(i)) for i in range(member.ItemsLength())]
    if name == "Tuple":
        return tuple(_object(member.Items(i)) for i in range(member.ItemsLength()))
    if name == "Set":
        return set(_object(member.Items()))
    if name == "Dict":
        return dict(zip(_object(member.Keys()), _object(member.Values())))
    raise ValueError(f"mp's {name} is not read here")


def dump(obj):
    """The message of an int, str or list of these."""
    builder = flatbuffers.Builder(256)
    builder.Finish(_value(builder, obj), file_identifier=b"MPVA")
    return bytes(builder.Output())


def _value(builder, obj):
    if isinstance(obj, int):
        kind = wire.Any.Int
        wire.IntStart(builder)
        wire.IntAddValue(builder, obj)
        member = wire.IntEnd(builder)
    elif isinstance(obj, str):
        kind = wire.Any.Text
        text = builder.CreateString(obj)
        wire.TextStart(builder)
        wire.TextAddValue(builder, text)
        member = wire.TextEnd(builder)
    else:
        kind = wire.Any.List
        items = [_value(builder, item) for item in obj]
        wire.ListStartItemsVector(builder, len(items))
        for item in reversed(items):
            builder.PrependUOffsetTRelative(item)
        vector = builder.EndVector()
        wire.ListStart(builder)
        wire.ListAddItems(builder, vector)
        member = wire.ListEnd(builder)
    wire.ValueStart(builder)
    wire.ValueAddValueType(builder, kind)
    wire.ValueAddValue(builder, member)
    return wire.ValueEnd(builder)
