-- Forwards each instance that arrives to Concord, but never what came from there or is no image.
local notImages = { SR = true, PR = true, KO = true, DOC = true }

function OnStoredInstance(instanceId, tags, metadata, origin)
  if origin['RemoteAet'] ~= 'CONCORD' and not notImages[tags['Modality']] then
    SendToModality(instanceId, 'concord')
  end
end
