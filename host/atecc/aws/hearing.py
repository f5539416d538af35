"""A topic rule that hears devices, and the function that it calls."""

from __future__ import annotations

from dataclasses import dataclass

from atecc.aws import deploy
from atecc.aws.cloud import Cloud
from atecc.aws.policy import arn_prefix

SQL_VERSION = "2016-03-23"
WRITES_LOGS = "AWSLambdaBasicExecutionRole"
# What the device says comes after. Who it is, and by which certificate it is connected, AWS says.
WHO = "SELECT topic(2) AS thing, clientid() AS client, principal() AS principal, "


@dataclass(frozen=True)
class Hearing:
    """rule: its name, in which AWS allows no hyphen; what: it and its function, as they are shown."""

    what: str
    rule: str
    sql: str
    function: deploy.Function

    def ensure(self, cloud: Cloud) -> None:
        arn = deploy.ensure_function(cloud, self.function)
        source = f"{arn_prefix(cloud.region, cloud.account)}:rule/{self.rule}"
        deploy.ensure_permission(cloud, self.function, source)
        payload = {
            "sql": self.sql,
            "awsIotSqlVersion": SQL_VERSION,
            "description": "made by atecc",
            "actions": [{"lambda": {"functionArn": arn}}],
            "ruleDisabled": False,
        }
        if not self.is_there(cloud):
            cloud.change("create_topic_rule", ruleName=self.rule, topicRulePayload=payload)
            return
        there = cloud.ask("get_topic_rule", ruleName=self.rule)["rule"]
        if {part: there.get(part) for part in payload} != payload:
            cloud.change("replace_topic_rule", ruleName=self.rule, topicRulePayload=payload)

    def is_there(self, cloud: Cloud) -> bool:
        """AWS denies a look at a rule that is not there, as if that were the reason: it is looked for in the list."""
        return any(one["ruleName"] == self.rule for one in cloud.pages("list_topic_rules", "rules"))

    def parts(self, cloud: Cloud) -> dict[str, str]:
        """As fleet.parts."""
        function, role = self.function, self.function.role
        return {
            f"{self.what} rule": self.rule if self.is_there(cloud) else "",
            f"{self.what} function": function.name if deploy.find_function(cloud, function) else "",
            f"{self.what} function's role": role.name if deploy.find_role(cloud, role) else "",
        }

    def remove(self, cloud: Cloud) -> None:
        if self.is_there(cloud):
            cloud.change("delete_topic_rule", ruleName=self.rule)
        deploy.remove_function(cloud, self.function)


def rule_name(template: str, ending: str) -> str:
    return f"{template}_{ending}".replace("-", "_")
