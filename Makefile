# make help lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
IMAGE ?= redis-operator:0.1.0

UNIT := test/*.test.ts test/{api,bench,crd,embedded,hook,metadata,operator,probe,redis,redis-sentinel}/*.test.ts
LAB := test/lab/*.test.ts
# these stop the operator, or count what the whole cluster does
CLUSTER_ALONE := $(patsubst %,test/cluster/%.test.ts,neighbours outages rbac steady)
CLUSTER := $(filter-out $(CLUSTER_ALONE),$(sort $(wildcard test/cluster/*.test.ts)))
# Where local/packages puts promtool.
LOCAL_BIN := $(or $(REDIS_OPERATOR_LOCAL),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/redis-operator-local)/bin
# A network namespace without any other network; needs root. Everything in it goes with the last process.
OWN_NETWORK := unshare --net sh -c 'ip link set lo up && LAB_NETWORK=own exec "$$@"' sh

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# What ran last is older than what it was made from: npm again.
node_modules/.ready: package.json package-lock.json .npmrc
	@echo 'installing npm packages'
	@npm ci --loglevel=error
	@touch $@

.PHONY: deps
deps: node_modules/.ready ## npm and Debian packages that the tests need
	@local/packages

.PHONY: demo
demo: node_modules/.ready ## from nothing to both samples on a real Kubernetes, with timings
	@npx tsx local/demo.ts

.PHONY: test
test: deps ## everything that CI runs
	@local/stages lint typecheck build unused unit lab cluster-test

.PHONY: lint
lint: node_modules/.ready ## eslint and shellcheck
	@npx eslint --max-warnings=0 .
	@cd src/redis/scripts && shellcheck -x -s sh ./*.sh
	@cd src/redis-sentinel/scripts && shellcheck -x -s sh ./*.sh
	@cd local && shellcheck -x cluster images packages redis-versions stages lib/*.sh ../.ci/run ../model/run

.PHONY: typecheck
typecheck: node_modules/.ready ## tsc, strict
	@npx tsc

.PHONY: unused
unused: node_modules/.ready ## files, exports and packages that nobody uses
	@npx knip

.PHONY: build
build: node_modules/.ready ## src -> dist
	@rm -rf dist
	@npm run -s build

dist/probe/main.js: $(shell find src -name '*.ts') tsconfig.build.json node_modules/.ready
	@npm run -s build
	@touch $@

.PHONY: unit
unit: node_modules/.ready ## unit and contract tests, with coverage
	@PATH="$$PATH:$(LOCAL_BIN)" npx tap $(UNIT)

.PHONY: lab
lab: dist/probe/main.js ## the pods' scripts against real redis-server and redis-sentinel processes
	@$(OWN_NETWORK) npx tap --disable-coverage --jobs=2 --timeout=600 $(LAB)

.PHONY: faults
faults: dist/probe/main.js ## 48 faults against real processes, with a table of what each one cost: ONLY= RUNS= SEED= JOBS= JSON=
	@$(OWN_NETWORK) npx tsx test/lab/faults/main.ts $(if $(LIST),--list) $(if $(ONLY),--only $(ONLY)) $(if $(RUNS),--runs $(RUNS)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS)) $(if $(JSON),--json $(JSON))

# What depends on the version: the answers that the scripts read, the files that the servers write.
VERSIONED := test/lab/{bootstrap,handover,restart,secure,rotation}.test.ts
VERSIONED_FAULTS := 2,3,4,5,7,14,15,21,30,34

.PHONY: versions
versions: dist/probe/main.js ## the lab and ten faults with every redis and Valkey that packages give
	@local/redis-versions
	@mkdir -p faults-logs; failed=; for dir in $$(local/redis-versions --dirs); do \
	  name=$$(basename $$(dirname $$dir)); \
	  if REDIS_BIN_DIR=$$dir $(OWN_NETWORK) npx tap --disable-coverage --jobs=2 --timeout=600 --reporter=terse $(VERSIONED) >faults-logs/lab-$$name.log 2>&1 && \
	    REDIS_BIN_DIR=$$dir $(OWN_NETWORK) npx tsx test/lab/faults/main.ts --only $(VERSIONED_FAULTS) --jobs 2 >faults-logs/faults-$$name.log 2>&1; \
	  then echo "$$name: ok, $$(grep -o 'pass: [0-9]*' faults-logs/lab-$$name.log | tail -n 1), faults $(VERSIONED_FAULTS)"; \
	  else echo "$$name: FAILED, see faults-logs/*-$$name.log"; failed=1; fi; done; [ -z "$$failed" ]

.PHONY: chaos
chaos: dist/probe/main.js ## random faults under load: SEED= MINUTES= SIZE= SENTINELS= ONLY=
	@$(OWN_NETWORK) npx tsx test/lab/chaos.ts $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SIZE),--size $(SIZE)) $(if $(SENTINELS),--sentinels $(SENTINELS)) $(if $(ONLY),--only '$(ONLY)')

.PHONY: model
model: ## the failover by votes through a model checker (spin): states, time, memory, verdicts; ONLY= names of runs, with their story
	@local/packages
	@model/run $(ONLY)

.PHONY: upgrade-check
upgrade-check: node_modules/.ready ## whether an upgrade of the operator from another commit restarts pods: FROM=
	@npx tsx local/upgrade-check.ts $(if $(HELP),--help) $(FROM)

.PHONY: fuzz
fuzz: node_modules/.ready ## the webhook with broken requests: MINUTES= SEED=
	@npx tsx test/fuzz/hook.ts $(if $(HELP),--help) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

.PHONY: cluster-test
cluster-test: node_modules/.ready ## the whole on a real Kubernetes; METACONTROLLER_BIN names a real Metacontroller
	@npx tsx local/with-cluster.ts sh -c 'npx tap --disable-coverage --jobs=2 --timeout=900 $(CLUSTER); together=$$?; \
	  npx tap --disable-coverage --jobs=1 --timeout=900 $(CLUSTER_ALONE) && [ $$together = 0 ]'

.PHONY: generate
generate: node_modules/.ready ## CRDs, embedded scripts and the Helm chart from their sources
	@npm run -s generate

.PHONY: docker-build
docker-build: ## the operator's image with Docker
	docker build -t $(IMAGE) .

.PHONY: deploy
deploy: ## CRDs, webhook, probe and CompositeControllers into the cluster of KUBECONFIG (Metacontroller must be there)
	kubectl apply --server-side -k manifests/crds
	kubectl wait --for=condition=Established --timeout=60s crd/redis.cache.iguochan.io crd/redissentinels.cache.iguochan.io
	kubectl apply --server-side -k manifests

.PHONY: undeploy
undeploy: ## all of it out again; refuses while there are Redis or RedisSentinel objects
	@left=$$(kubectl get redis,redissentinels --all-namespaces -o name 2>/dev/null); \
	  [ -z "$$left" ] || { echo "delete these first: $$left" >&2; exit 1; }
	kubectl delete --ignore-not-found -k metacontroller
	kubectl delete --ignore-not-found -k manifests

.PHONY: bench-failover
bench-failover: deps ## seconds without writes by cause of the failover, or by change, on a real cluster: CAUSES= RUNS= MODE= OUT= TARGET= (HELP=1)
	@npx tsx bench/failover/main.ts $(if $(HELP),--help) $(if $(CAUSES),--causes $(CAUSES)) $(if $(RUNS),--runs $(RUNS)) \
	  $(if $(MODE),--mode $(MODE)) $(if $(OUT),--out $(OUT)) $(TARGET)

.PHONY: bench-votes
bench-votes: dist/probe/main.js ## seconds without writes by cause of the failover, with processes alone: RUNS= CAUSES= OUT=
	@$(OWN_NETWORK) npx tsx bench/votes.ts $(if $(HELP),--help) $(if $(RUNS),--runs $(RUNS)) $(if $(CAUSES),--causes $(CAUSES)) $(if $(OUT),--out $(OUT))

.PHONY: bench-kill-loss
bench-kill-loss: deps ## acknowledged writes that Redis itself loses when its master is killed, by number of clients: ROUNDS= CLIENTS=
	@$(OWN_NETWORK) npx tsx bench/kill-loss.ts $(if $(HELP),--help) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(CLIENTS),--clients $(CLIENTS))

.PHONY: bench-hook
bench-hook: build ## requests a second, latency and RSS of the webhook beside a Fastify that does nothing: SECONDS= CONNECTIONS=
	@$(OWN_NETWORK) npx tsx bench/hook.ts $(if $(HELP),--help) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(CONNECTIONS),--connections $(CONNECTIONS))

# In a network namespace of its own: the stand-ins listen on every loopback address.
.PHONY: bench
bench: build ## memory and CPU of the probe with 100 and 1,000 clusters
	@for clusters in 100 1000; do unshare -n sh -c "ip link set lo up; npx tsx bench/probe-memory.ts $$clusters dist/probe/main.js"; done
