-- Argo CD health of a Redis or RedisSentinel: in argocd-cm, under resource.customizations.health.cache.iguochan.io_Redis and _RedisSentinel.
local health = { status = "Progressing", message = "The operator has not looked at it yet." }
if obj.status == nil or obj.status.conditions == nil then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local ready, valid, applied, available = conditions.Ready, conditions.SpecValid, conditions.Applied, conditions.Available
if ready == nil or (ready.observedGeneration ~= nil and ready.observedGeneration < obj.metadata.generation) then
  return health
end

local function is(condition, status, reason)
  return condition ~= nil and condition.status == status and (reason == nil or condition.reason == reason)
end

if is(valid, "False") then
  health.status = "Degraded"
  health.message = valid.message
elseif is(available, "False", "SeveralMasters") then
  health.status = "Degraded"
  health.message = available.message
elseif is(applied, "False", "ImmutableField") then
  health.status = "Degraded"
  health.message = applied.message
elseif is(ready, "True") and is(applied, "False") then
  health.message = applied.message
elseif is(ready, "True") then
  health.status = "Healthy"
  health.message = ready.message
else
  health.message = ready.message
end
return health
