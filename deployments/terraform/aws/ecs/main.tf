terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 6.0, < 7" }
  }
}

locals {
  tags = merge(var.tags, { "managed-by" = "terraform", "part-of" = "arcops" })
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# Who starts a task: it pulls one repository, reads three secrets, and writes one log.
data "aws_iam_policy_document" "start" {
  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
    resources = [var.repository_arn]
  }
  statement {
    sid       = "Token" # this one action knows no resource
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.signing_key_arn, var.passphrase_arn, var.database_password_arn]
  }
  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [var.secret_key_arn]
  }
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }
}

data "aws_iam_policy_document" "store" {
  statement {
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    resources = [aws_efs_file_system.store.arn]
    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = [aws_efs_access_point.store.arn]
    }
  }
}

resource "aws_iam_role" "start" {
  name               = "${var.name}-start"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "start" {
  name   = "start"
  role   = aws_iam_role.start.id
  policy = data.aws_iam_policy_document.start.json
}

resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "store" {
  name   = "store"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.store.json
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/arcops/${var.name}"
  retention_in_days = 365
  kms_key_id        = var.key_arn
  tags              = local.tags
}

resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "TLS from the network"
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  security_group_id = aws_security_group.balancer.id
  description       = "TLS from the network"
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = local.tags
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "The tasks"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = 8420
  to_port                      = 8420
  tags                         = local.tags
}

resource "aws_security_group" "tasks" {
  name        = "${var.name}-tasks"
  description = "The front, from the balancer"
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "tasks" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "The balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = 8420
  to_port                      = 8420
  tags                         = local.tags
}

resource "aws_vpc_security_group_egress_rule" "tasks" {
  security_group_id = aws_security_group.tasks.id
  description       = "The network: endpoints, the store and the database"
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 5432
  tags              = local.tags
}

resource "aws_security_group" "store" {
  name        = "${var.name}-store"
  description = "The store, from the tasks"
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "store" {
  security_group_id            = aws_security_group.store.id
  description                  = "NFS from the tasks"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = 2049
  to_port                      = 2049
  tags                         = local.tags
}

resource "aws_efs_file_system" "store" {
  encrypted  = true
  kms_key_id = var.key_arn
  tags       = merge(local.tags, { Name = var.name })
}

resource "aws_efs_backup_policy" "store" {
  file_system_id = aws_efs_file_system.store.id
  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_efs_mount_target" "store" {
  for_each        = toset(var.private_subnets)
  file_system_id  = aws_efs_file_system.store.id
  subnet_id       = each.key
  security_groups = [aws_security_group.store.id]
}

resource "aws_efs_access_point" "store" {
  file_system_id = aws_efs_file_system.store.id
  tags           = local.tags
  posix_user {
    uid = 65532
    gid = 65532
  }
  root_directory {
    path = "/store"
    creation_info {
      owner_uid   = 65532
      owner_gid   = 65532
      permissions = "0700"
    }
  }
}

resource "aws_lb" "this" {
  name                       = var.name
  internal                   = true
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.balancer.id]
  subnets                    = var.private_subnets
  drop_invalid_header_fields = true
  enable_deletion_protection = true
  tags                       = local.tags
}

resource "aws_lb_target_group" "this" {
  for_each             = toset(["blue", "green"])
  name                 = "${var.name}-${each.key}"
  port                 = 8420
  protocol             = "HTTP" # inside the network; the balancer ends TLS, and only it may connect
  target_type          = "ip"
  vpc_id               = var.vpc_id
  deregistration_delay = 45
  tags                 = local.tags
  health_check {
    path                = "/readyz"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "tls" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn
  tags              = local.tags
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["blue"].arn
  }
}

resource "aws_ecs_cluster" "this" {
  name = var.name
  tags = local.tags
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 2048
  memory                   = 4096
  execution_role_arn       = aws_iam_role.start.arn
  task_role_arn            = aws_iam_role.task.arn
  tags                     = local.tags

  container_definitions = jsonencode([{
    name                   = "front"
    image                  = var.image
    essential              = true
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    command                = ["server", "--no-worker", "--host", "0.0.0.0", "--port", "8420", "--behind-proxy"]
    portMappings           = [{ containerPort = 8420, protocol = "tcp" }]
    linuxParameters        = { capabilities = { drop = ["ALL"] }, initProcessEnabled = true }
    stopTimeout            = 45
    environment = [
      { name = "ARCOPS_TIER", value = "restricted" },
      { name = "ARCOPS_SITE", value = var.site },
      { name = "ARCOPS_PUBLIC_URL", value = var.public_url },
      { name = "ARCOPS_OIDC_ISSUER", value = var.issuer },
      { name = "ARCOPS_OIDC_AUDIENCE", value = var.audience },
      { name = "ARCOPS_STORE", value = "/var/lib/arcops/store/artifacts" },
      { name = "ARCOPS_REMEMBERED", value = "/var/lib/arcops/store/remembered" },
      { name = "ARCOPS_KEY", value = "env:ARCOPS_SIGNING_KEY" },
      { name = "ARCOPS_DATABASE", value = var.database },
    ]
    secrets = [
      { name = "ARCOPS_SIGNING_KEY", valueFrom = var.signing_key_arn },
      { name = "ARCOPS_PASSPHRASE", valueFrom = var.passphrase_arn },
      { name = "ARCOPS_DATABASE_PASSWORD", valueFrom = var.database_password_arn },
    ]
    mountPoints = [
      { sourceVolume = "store", containerPath = "/var/lib/arcops/store" },
      { sourceVolume = "home", containerPath = "/var/lib/arcops" },
      { sourceVolume = "tmp", containerPath = "/tmp" },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this.name
        "awslogs-region"        = var.region
        "awslogs-stream-prefix" = "front"
      }
    }
  }])

  volume {
    name = "home"
  }

  volume {
    name = "tmp"
  }

  volume {
    name = "store"
    efs_volume_configuration {
      file_system_id     = aws_efs_file_system.store.id
      transit_encryption = "ENABLED"
      authorization_config {
        access_point_id = aws_efs_access_point.store.id
        iam             = "ENABLED"
      }
    }
  }
}

resource "aws_ecs_service" "this" {
  name                              = var.name
  cluster                           = aws_ecs_cluster.this.id
  task_definition                   = aws_ecs_task_definition.this.arn
  desired_count                     = var.tasks_min
  launch_type                       = "FARGATE"
  enable_execute_command            = false
  health_check_grace_period_seconds = 90
  propagate_tags                    = "SERVICE"
  tags                              = local.tags

  # The new tasks stand beside the old ones; if they do not become healthy, the old ones stay.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.private_subnets
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this["blue"].arn
    container_name   = "front"
    container_port   = 8420
  }

  depends_on = [aws_lb_listener.tls, aws_efs_mount_target.store]
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.tasks_min
  max_capacity       = var.tasks_max
  tags               = local.tags
}

resource "aws_appautoscaling_policy" "cpu" {
  name               = "${var.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  resource_id        = aws_appautoscaling_target.this.resource_id
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  target_tracking_scaling_policy_configuration {
    target_value = 70
    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
