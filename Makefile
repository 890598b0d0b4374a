# 耕衡 · Gengheng. `make` or `make help` lists the targets.

PORT ?= 8080
OUT ?= out
ONCE ?=
FUZZTIME ?= 10s
PAIRS ?= 1000000
SEED ?= 1
SIZES ?= 10000,100000
PARTS ?=

.DEFAULT_GOAL := help
.PHONY: help setup build demo serve test lint bench bench-screening bench-balance bench-ledger bench-dashboard pictures fuzz pairs doctor clean

help: ## 列出各项目标 · list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/^\([a-z-]*\):.*## /\1|/' | awk -F '|' '{ printf "  make %-15s %s\n", $$1, $$2 }'

setup: ## 安装缺少的系统软件（apt） · install what is missing from the system
	@scripts/setup

build: setup ## 编译到 bin/ · build into bin/
	@scripts/build

demo: build ## 示例县走完一年的平衡（ONCE=1 做完即退出；PORT= OUT=） · carry the small county through its year (ONCE=1 ends instead of serving)
	@bin/gengheng demo --port $(PORT) --out $(OUT) $(if $(filter-out 0 no,$(ONCE)),--once)

serve: build ## 运行服务（PORT=） · serve
	@bin/gengheng serve --addr 127.0.0.1:$(PORT)

test: build ## 全部测试 · lint and all tests, on a real PostGIS and GDAL
	@scripts/test

lint: ## 格式、vet、staticcheck · gofmt, vet, staticcheck
	@scripts/lint

bench: build ## 十万图斑县的性能测试，与 PostGIS、GeoPandas、ogr2ogr 比较（PARTS=overlay …） · the county of 100,000 parcels, beside other tools and stage by stage
	@bin/gengheng bench $(PARTS)

bench-screening: ## 十万图斑县的筛查：5,000 个申报地块（冷、热）、全部图斑、逐个试算 · screening of 5,000 candidates and of all 100,000 parcels, and what-ifs, in process
	@go test -run NONE -bench 'County|WhatIf' -benchtime 3x -timeout 60m ./internal/screening

bench-balance: build ## 平衡引擎与 HiGHS、CBC 比较（SIZES=10000,100000,1000000） · the balancing engine on generated problems, beside HiGHS and CBC
	@scripts/setup --tests
	@bin/gengheng balance bench --sizes $(SIZES)

bench-ledger: setup ## 台账：50 个客户端混合记账 60 s，之后逐条核对 · the ledger under 50 clients for 60 s, every sum checked afterwards
	@go test -run NONE -bench Mixed -benchtime 60s -timeout 30m ./internal/ledger

bench-dashboard: build ## 十万图斑县的工作台：首次打开、移图、长表（第一次先造县，几分钟） · the dashboard over 100,000 parcels, in Chromium, beside its targets
	@scripts/setup --browser
	@scripts/bench-dashboard

pictures: build ## 重拍 docs/ 里工作台各页的图片 · take the pictures of the dashboard's pages in docs/ anew
	@scripts/setup --browser
	@GENGHENG_PICTURES=$(abspath docs) scripts/browser

fuzz: build ## 模糊测试，性质测试换新的种子（FUZZTIME=10s） · every fuzz target for a while, property tests from a new seed
	@scripts/fuzz $(FUZZTIME)

pairs: setup ## 为难叠加引擎的多边形对（PAIRS= SEED=；错的写入 OUT/pairs.txt） · pairs of polygons made to be hard on the overlay
	@mkdir -p $(OUT)
	@go test -count 1 -v -timeout 0 -run '^TestPairs$$' ./internal/overlay/polygon -hostile $(PAIRS) -seed $(SEED) -found $(abspath $(OUT))/pairs.txt

doctor: build ## 检查运行条件 · say what is there and what is missing
	@bin/gengheng doctor

clean: ## 删除编译结果与 out/ · remove bin/ and out/
	@rm -rf bin out
