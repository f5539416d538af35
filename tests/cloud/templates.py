"""What fleet provisioning takes at the API: roles, a hook, a template."""

import io
import json
import zipfile

TRUST = {
    service: json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": f"{service}.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    )
    for service in ("iot", "lambda")
}
REGISTERS = "arn:aws:iam::aws:policy/service-role/AWSIoTThingsRegistration"


def body(**changes):
    """A template's body: a thing of the parameter ThingName, its certificate, one policy."""
    return json.dumps(
        {
            "Parameters": {"ThingName": {"Type": "String"}, "Color": {"Type": "String", "Default": "red"}},
            "Resources": {
                "thing": {
                    "Type": "AWS::IoT::Thing",
                    "Properties": {
                        "ThingName": {"Ref": "ThingName"},
                        "AttributePayload": {"color": {"Ref": "Color"}},
                    },
                    "OverrideSettings": {"AttributePayload": "MERGE"},
                },
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {
                        "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                        "Status": "Active",
                    },
                },
                "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "fleet"}},
            },
            "DeviceConfiguration": {"hello": {"Fn::Join": ["-", ["from", {"Ref": "ThingName"}]]}},
        }
        | changes
    )


def zipped(source):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("hook.py", source)
    return packed.getvalue()


def role(iam, name, service, attached=REGISTERS):
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST[service])["Role"]["Arn"]
    if attached:
        iam.attach_role_policy(RoleName=name, PolicyArn=attached)
    return made


def hook(functions, iam, name, source, policy=None):
    """A function with its role, which AWS IoT may call for any template; its ARN."""
    role_arn = role(iam, f"{name}-role", "lambda", None)
    if policy:
        iam.put_role_policy(RoleName=f"{name}-role", PolicyName="own", PolicyDocument=policy)
    wanted = {
        "FunctionName": name, "Runtime": "python3.13", "Handler": "hook.handler", "Role": role_arn,
        "Code": {"ZipFile": zipped(source)},
    }  # fmt: skip
    for _ in range(2):  # the first time the role isn't known everywhere
        try:
            arn = functions.create_function(**wanted)["FunctionArn"]
        except functions.exceptions.InvalidParameterValueException:
            continue
    functions.add_permission(
        FunctionName=name, StatementId="iot", Action="lambda:InvokeFunction", Principal="iot.amazonaws.com",
    )  # fmt: skip
    return arn
