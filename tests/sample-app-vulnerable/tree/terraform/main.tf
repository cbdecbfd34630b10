# Trivy must not follow these: scanning a tree fetches nothing.
module "network" {
  source = "git::https://fixture.invalid/network.git?ref=v1.0.0"
}

module "logs" {
  source  = "fixture/logs/aws"
  version = "1.0.0"
}

resource "aws_security_group" "api" {
  name        = "api"
  description = "The API"
}

resource "aws_vpc_security_group_ingress_rule" "api" {
  description       = "Administration from anywhere"
  security_group_id = aws_security_group.api.id
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 22
  to_port           = 22
  ip_protocol       = "tcp"
}

#tfsec:ignore:aws-ec2-no-public-ingress-sgr
resource "aws_vpc_security_group_ingress_rule" "desktop" {
  description       = "Remote desktop from anywhere"
  security_group_id = aws_security_group.api.id
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 3389
  to_port           = 3389
  ip_protocol       = "tcp"
}

#trivy:ignore:AWS-0104
resource "aws_vpc_security_group_egress_rule" "api" {
  description       = "Anything"
  security_group_id = aws_security_group.api.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}
